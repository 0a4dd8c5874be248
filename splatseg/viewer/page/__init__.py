"""One browser's page: its camera, its stream of pictures, and the admission of connections."""
