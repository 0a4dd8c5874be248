"""Nearest points, by the k-d tree of SciPy, imported when one is built: most commands build none, and it takes a while.

Source: Maneewongvatana, Mount, "Analysis of approximate nearest neighbor searching", 1999, as SciPy has it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from scipy.spatial import cKDTree


def tree_of(points: np.ndarray) -> cKDTree:
    """Return the tree of points (P,D); its `query` finds the nearest of them to others."""
    from scipy.spatial import cKDTree  # noqa: PLC0415 (see the module)

    return cKDTree(points)
