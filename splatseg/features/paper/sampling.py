"""Samples of Gaussians for the spatial term, and the nearest and farthest Gaussians of each.

Alphabet: N Gaussians, C candidates of them, S samples of the candidates; points (C,3) world units; k neighbours.

Farthest points are found exactly without measuring all C: the farthest point from any query is a corner of the convex
hull, and the k farthest lie on the first k hulls, each peeled off before the next (distance is a convex function).
"""

from __future__ import annotations

import numpy as np
from scipy.spatial import ConvexHull, QhullError

from splatseg.arrays import check_shapes
from splatseg.nearest import tree_of

ROWS_AT_ONCE = 64
"""Queries that are compared at once; bounds the memory."""


def draw_samples(count: int, candidates: int, samples: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return indices of candidates (C,) among `count` Gaussians, sorted, and positions (S,) of samples in them.

    All Gaussians are candidates if there are no more than `candidates`.
    """
    chosen = np.arange(count) if count <= candidates else np.sort(rng.choice(count, candidates, replace=False))
    return chosen, rng.choice(len(chosen), min(samples, len(chosen)), replace=False)


def nearest(points: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Return positions (S,k) of the k nearest points (C,3) to each query (S,3); of all, if there are fewer."""
    check_shapes(points=(points, "C 3"), queries=(queries, "S 3"))
    k = min(k, len(points))
    _, positions = tree_of(points).query(queries, k=range(1, k + 1), workers=-1)
    return np.asarray(positions, dtype=np.int64)


def farthest(points: np.ndarray, queries: np.ndarray, k: int) -> np.ndarray:
    """Return positions (S,k) of the k farthest points (C,3) from each query (S,3); of all, if there are fewer."""
    check_shapes(points=(points, "C 3"), queries=(queries, "S 3"))
    k = min(k, len(points))
    outer = outer_layers(points, k)
    found = np.empty((len(queries), k), dtype=np.int64)
    corners = points[outer]
    for start in range(0, len(queries), ROWS_AT_ONCE):
        chunk = queries[start : start + ROWS_AT_ONCE]
        squared = np.square(corners[None] - chunk[:, None]).sum(-1)
        # argpartition: the k farthest are needed, not their order.
        found[start : start + ROWS_AT_ONCE] = outer[np.argpartition(-squared, k - 1, axis=1)[:, :k]]
    return found


def outer_layers(points: np.ndarray, k: int) -> np.ndarray:
    """Return sorted positions of the corners of the first k convex hulls of points (C,3), peeled one after the other.

    Points that are flat or few have no hull in space; then all remaining points are taken.
    """
    remaining = np.arange(len(points))
    layers = []
    for _ in range(k):
        if len(remaining) <= 4:
            break
        try:
            corners = ConvexHull(points[remaining]).vertices
        except QhullError:
            break
        layers.append(remaining[corners])
        remaining = np.delete(remaining, corners)
    else:
        return np.sort(np.concatenate(layers))
    return np.sort(np.concatenate([*layers, remaining]))
