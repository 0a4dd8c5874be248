"""Fits in blocks: the job of one fit that is cut into many."""
