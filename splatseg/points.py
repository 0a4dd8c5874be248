"""Trees of points in space, for as many points as there is room for on disk: the face of native/points.

A tree lies in scratch memory (`machine.mapped`): 16 bytes a point, in the order of a space-filling curve, so that what
is near in space is near in memory. In memory are 2 bytes a point and, while it is made, those that are sorted at once.

Alphabet: N points; k neighbours.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.arrays import check_shapes
from splatseg.machine import mapped

LEAF = (16, 256)
"""Points in a leaf of a tree, and its bytes (native/points/neighbours.h)."""


def finite_rows(points: np.ndarray) -> np.ndarray:
    """Return (N,) bool: the points (N,3) whose coordinates are all finite."""
    finite = np.empty(len(points), dtype=np.bool_)
    for block in mapped.ranges(len(points)):
        finite[block] = np.isfinite(points[block]).all(1)
    mapped.release(points)
    return finite


class Tree:
    """The tree of those of the points (N,3) that are in `use` (N,) bool and finite."""

    def __init__(self, points: np.ndarray, use: np.ndarray) -> None:
        check_shapes(points=(points, "N 3"), use=(use, "N"))
        self.points: np.ndarray = np.ascontiguousarray(points, dtype=np.float32)
        """(N,3) float32."""
        self._leaves = mapped.scratch((-(-len(points) // LEAF[0]), LEAF[1]), np.uint8)
        self.native: _native.PointTree = _native.point_tree(
            self.points, use.view(np.uint8), self._leaves, torch.get_num_threads()
        )
        self.release()

    def release(self) -> None:
        """Give the pages of the tree back, which is kept."""
        mapped.release(self.points, self._leaves)


def nearest_of(points: np.ndarray, use: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return the function that finds the nearest points: the numbers (q,) int32 of those nearest to others (q,3).

    Of points (N,3), those in `use` (N,) bool, at least one, are found; they must be finite, and those asked for too. Of
    points at the same distance, in double precision, the first is taken.
    """
    tree = Tree(points, use)

    def nearest(others: np.ndarray) -> np.ndarray:
        found = np.empty(len(others), dtype=np.int32)
        queries = np.ascontiguousarray(others, dtype=np.float32)
        _native.nearest_points(tree.native, queries, found, torch.get_num_threads())
        tree.release()
        return found

    return nearest
