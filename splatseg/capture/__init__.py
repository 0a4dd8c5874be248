"""Posed photographs: cameras, images, sparse points, and the split into training and test views."""
