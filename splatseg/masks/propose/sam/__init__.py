"""Mask proposals by models of the Segment Anything family, prompted with a grid of points."""
