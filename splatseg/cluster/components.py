"""Connected components of Gaussians in space, and the removal of small pieces.

Two Gaussians touch if one is among the nearest neighbours of the other and the gap between them is bridged by their own
size or usual for the scene. So a sparse flat table of large Gaussians holds together as well as a dense leaf, and
nothing depends on the scale of the world.

Alphabet: N Gaussians; means (N,3) and reach (N,) in world units (the largest linear scale of a Gaussian).
"""

from __future__ import annotations

import numpy as np
import torch

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.arrays import check_shapes

NEIGHBOURS = 12
"""Nearest neighbours of a Gaussian that may touch it."""
GAP_FACTOR = 4.0
"""Gaussians touch at distances up to this many times the median distance to the neighbours."""

REACH_FACTOR = 2.0
"""Gaussians also touch at distances up to this many standard deviations of both together."""


def spatial_components(means: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return the connected component (N,) int32 of each Gaussian: 0, 1, ..., the one of most Gaussians first.

    Components of equal size are ordered by their first Gaussian. Gaussians whose position is not finite touch nothing.
    """
    count = check_shapes(means=(means, "N 3"), reach=(reach, "N"))["N"]
    if count == 0:
        return np.zeros(0, dtype=np.int32)
    finite = np.flatnonzero(np.isfinite(means).all(1))
    component = np.arange(count, dtype=np.int32)
    if len(finite) > 1:
        points = np.ascontiguousarray(means[finite], dtype=np.float32)
        sizes = reach[finite].astype(np.float32)
        near, found = min(NEIGHBOURS, len(finite) - 1), np.empty(len(finite), dtype=np.int32)
        _native.touching(points, sizes, near, GAP_FACTOR, REACH_FACTOR, found, torch.get_num_threads())
        # Each component is named by one of its Gaussians; a Gaussian that is not finite keeps its own number, alone.
        component[finite] = finite[found]
    return _largest_first(np.unique(component, return_inverse=True)[1])


def touching_gaussians(means: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of Gaussians that touch: rows and cols (E,) int32, each pair once or twice.

    Gaussians whose position is not finite touch nothing.
    """
    check_shapes(means=(means, "N 3"), reach=(reach, "N"))
    finite = np.flatnonzero(np.isfinite(means).all(1))
    if len(finite) < 2:
        return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32)
    points, sizes = (np.ascontiguousarray(of_all[finite], dtype=np.float32) for of_all in (means, reach))
    others = np.empty((len(finite), min(NEIGHBOURS, len(finite) - 1)), dtype=np.int32)
    _native.touching_neighbours(points, sizes, GAP_FACTOR, REACH_FACTOR, others, torch.get_num_threads())
    touching, numbers = others >= 0, finite.astype(np.int32)
    return np.repeat(numbers, touching.sum(axis=1)), numbers[others[touching]]


def drop_small_pieces(members: np.ndarray, means: np.ndarray, reach: np.ndarray, min_share: float = 0.05) -> np.ndarray:
    """Return the connected pieces of `members` (N,) bool with at least min_share of the largest one's Gaussians."""
    check_shapes(members=(members, "N"), means=(means, "N 3"), reach=(reach, "N"))
    chosen = np.flatnonzero(members)
    kept = np.zeros_like(members, dtype=bool)
    if len(chosen):
        component = spatial_components(means[chosen], reach[chosen])
        sizes = np.bincount(component)
        kept[chosen[sizes[component] >= min_share * sizes[0]]] = True
    return kept


def _largest_first(component: np.ndarray) -> np.ndarray:
    sizes = np.bincount(component)
    first = np.full(len(sizes), len(component))
    np.minimum.at(first, component, np.arange(len(component)))
    order = np.lexsort((first, -sizes))
    rank = np.empty(len(sizes), dtype=np.int32)
    rank[order] = np.arange(len(sizes), dtype=np.int32)
    ranks: np.ndarray = rank[component]
    return ranks
