"""Kernels and functions of Warp: Python by its looks, compiled by Warp for the processor and for cards.

Conversions as in `float(0.0)` say that a variable changes within a loop. What a kernel reads of a tile must lie in
shared memory, and only what it reads itself is put there.
"""
