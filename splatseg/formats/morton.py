"""Morton order: Gaussians that are near in the file are near in space.

Alphabet: every coordinate is quantised to 21 bits of its range; a Morton code interleaves the bits of x, y, z. Blocks
of consecutive Gaussians then lie in small boxes, on which formats with positions relative to a block depend.
"""

from __future__ import annotations

import numpy as np

BITS = 21
"""Bits of a coordinate: three of them fit into 64."""

_SPREADS = (
    *((32, 0x1F00000000FFFF), (16, 0x1F0000FF0000FF), (8, 0x100F00F00F00F00F)),
    *((4, 0x10C30C30C30C30C3), (2, 0x1249249249249249)),
)
"""Shifts and masks of `_spread`: each step halves the groups of adjacent bits and moves them apart."""


def morton_order(means: np.ndarray) -> np.ndarray:
    """Return indices (N,) that sort positions (N,3) by Morton code; equal codes keep their order."""
    if len(means) == 0:
        return np.zeros(0, np.int64)
    points = means.astype(np.float64)
    low, high = points.min(0), points.max(0)
    return np.argsort(morton_codes(points, low, high), kind="stable")


def morton_codes(means: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the Morton codes (n,) uint64 of positions (n,3) in a box from `low` (3,) to `high` (3,), float64."""
    size = np.where(high > low, high - low, 1.0)
    cells = ((means.astype(np.float64) - low) / size * (2**BITS - 1)).astype(np.uint64)
    x, y, z = (_spread(cells[:, axis]) for axis in range(3))
    codes: np.ndarray = x << np.uint64(2) | y << np.uint64(1) | z
    return codes


def _spread(values: np.ndarray) -> np.ndarray:
    """Insert two zero bits between all bits of 21-bit numbers."""
    for shift, mask in _SPREADS:
        values = (values | values << np.uint64(shift)) & np.uint64(mask)
    return values
