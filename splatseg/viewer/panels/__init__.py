"""The tabs beside the picture, a module each."""
