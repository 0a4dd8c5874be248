"""Triangle meshes of objects: depths of views around a splat, fused into a signed distance field."""
