"""Pairs of segments that touch in space: some of their Gaussians are neighbours, as `touching_gaussians` finds them.

Alphabet: N Gaussians; contacts: rows and cols (E,) of pairs of Gaussians; ids (N,), 0 = none, which touches nothing.
"""

from __future__ import annotations

import numpy as np

LEAST_CONTACTS = 3
"""Contacts that make two segments touch, so that a stray Gaussian does not; each counts twice, once from either
side."""


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
