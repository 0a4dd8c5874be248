"""One browser's page: camera, streaming, and who is let in."""
