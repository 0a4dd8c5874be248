"""Holes that removed objects leave in the surface they stood on, closed by copies of that surface."""
