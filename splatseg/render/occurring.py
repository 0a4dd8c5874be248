"""Ids that occur in a label map or on the Gaussians of a splat, numbered: tables then need no row for any other."""

from __future__ import annotations

import numpy as np

MOST_COUNTED = 1 << 20
"""Highest id of those that are counted; ids beyond are sorted, for a table of all would be too large."""


def occurring(values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the ids (K,) that occur in integers of any shape, ascending, and the place of each among them, int32."""
    if values.size and values.min() >= 0 and values.max() <= MOST_COUNTED:
        occurs = np.bincount(values.ravel()) > 0  # counting is many times as fast as sorting
        return np.flatnonzero(occurs), (np.cumsum(occurs, dtype=np.int32) - 1)[values]
    ids, place = np.unique(values, return_inverse=True)
    return ids, place.reshape(values.shape).astype(np.int32)
