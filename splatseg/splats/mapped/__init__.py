"""Splats whose geometry lies in a mapped file."""
