"""Level of detail: the same splat in fewer Gaussians, for pictures in which many of them lie in one pixel."""
