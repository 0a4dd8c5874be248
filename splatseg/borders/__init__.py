"""Borders between things on the surface, as the merge trees of all views show them, and atoms made of these."""
