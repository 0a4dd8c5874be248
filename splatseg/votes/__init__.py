"""Votes: how much of every Gaussian each 2D mask sees, and what they say of sets of Gaussians."""
