"""Which segments touch in space: some of their Gaussians are neighbours.

Alphabet: N Gaussians; ids (N,), 0 = none, which touches nothing; means (N,3) world units.
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import cKDTree

from splatseg.arrays import check_shapes

NEIGHBOURS = 8
LEAST_CONTACTS = 3
"""Pairs of neighbours, counted from both sides; so few are chance."""


def touching_segments(ids: np.ndarray, means: np.ndarray) -> list[tuple[int, int]]:
    """Pairs (low id, high id) of segments that touch, in order, each once. Means that are not finite touch nothing."""
    check_shapes(ids=(ids, "N"), means=(means, "N 3"))
    known = np.flatnonzero((ids > 0) & np.isfinite(means).all(1))
    near = min(NEIGHBOURS, len(known) - 1)
    if near < 1:
        return []
    _, neighbours = cKDTree(means[known]).query(means[known], k=near + 1, workers=-1)
    one = np.repeat(ids[known].astype(np.int64), near)
    other = ids[known].astype(np.int64)[neighbours[:, 1:].ravel()]
    width = int(ids.max()) + 1
    codes = (np.minimum(one, other) * width + np.maximum(one, other))[one != other]
    pairs, counts = np.unique(codes, return_counts=True)
    return [divmod(int(pair), width) for pair in pairs[counts > LEAST_CONTACTS]]
