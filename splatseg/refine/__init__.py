"""Boundaries: Gaussians that straddle two segments, found from the votes, split and settled in a copy."""
