"""Pairs of segments that touch, counted from all contacts at once: what `touching_atoms` must find.

Alphabet: contacts: rows and cols (E,) of pairs of Gaussians (`touching_gaussians`); ids (N,), 0 = none.
"""

from __future__ import annotations

import numpy as np

from splatseg.cluster.components import LEAST_CONTACTS


def touching_segments(contacts: tuple[np.ndarray, np.ndarray], ids: np.ndarray) -> list[tuple[int, int]]:
    """Return pairs (low id, high id) of segments that touch, in order, each once."""
    one, other = (ids[side] for side in contacts)
    differ = (one != other) & (one > 0) & (other > 0)
    one, other = one[differ].astype(np.int64), other[differ].astype(np.int64)
    low, high = np.minimum(one, other), np.maximum(one, other)
    width = int(ids.max(initial=0)) + 1
    # A pair of ids is one number in base `width`, so one sort counts all pairs.
    pairs, counts = np.unique(low * width + high, return_counts=True)
    return [divmod(int(pair), width) for pair in pairs[counts >= 2 * LEAST_CONTACTS]]
