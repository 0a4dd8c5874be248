"""Mask proposals from the image alone: no model, no weights."""
