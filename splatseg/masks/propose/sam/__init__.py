"""Mask proposals by models of the Segment Anything family, asked about a grid of points."""
