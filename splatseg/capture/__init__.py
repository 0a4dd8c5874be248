"""Posed images in: cameras, pictures, sparse points, and the split into training and test views."""
