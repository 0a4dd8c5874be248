"""The scene: a splat with everything known about it, and the table of its segments."""
