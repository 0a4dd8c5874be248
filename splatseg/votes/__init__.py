"""Votes: the contributions of every Gaussian to each 2D mask, and the agreement of masks with sets of Gaussians."""
