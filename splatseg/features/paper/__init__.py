"""Contrastive Gaussian Clustering as its official code has it: the reference every claim is measured against."""
