"""Blending of per-Gaussian features into images: one signature, several backends."""
