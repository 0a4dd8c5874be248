"""Clean boundaries: Gaussians that straddle two segments are split and settled, in a copy."""
