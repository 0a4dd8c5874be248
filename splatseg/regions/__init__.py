"""Regions: the Gaussians that lie in what is drawn on a picture, in a volume, or that look and touch alike.

They need neither segments nor features, so they select in any splat.
"""
