"""Files that the viewer exports: splats, masks, pictures and films."""
