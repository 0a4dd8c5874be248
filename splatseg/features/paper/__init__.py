"""Contrastive Gaussian Clustering as its official code has it: the baseline that every claim is measured against."""
