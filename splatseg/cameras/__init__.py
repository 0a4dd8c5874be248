"""Cameras and their paths, free of any capture: pinhole, look-at, orbits, keyframes."""
