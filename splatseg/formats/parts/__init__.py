"""Splats larger than memory: read in blocks from one file, from a folder of parts or of chunks, and written so."""
