"""Segmenting a splat that is too large for memory, in blocks, on an engine; and in one piece, which is one block."""
