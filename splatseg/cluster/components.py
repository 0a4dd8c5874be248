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
from splatseg.machine import mapped
from splatseg.points import Tree, finite_rows

NEIGHBOURS = 12
"""Nearest neighbours of a Gaussian that may touch it."""
GAP_FACTOR = 4.0
"""Gaussians touch at distances up to this many times the median distance to the neighbours."""

REACH_FACTOR = 2.0
"""Gaussians also touch at distances up to this many standard deviations of both together."""

LEAST_CONTACTS = 3
"""Contacts that make two segments touch, so that a stray Gaussian does not; each counts twice, once from either
side."""

DISTANCES_KEPT = 1 << 24
"""Distances between neighbours that are kept in memory for their median; of more, only how often each occurs."""


def spatial_components(means: np.ndarray, reach: np.ndarray) -> np.ndarray:
    """Return the connected component (N,) int32 of each Gaussian: 0, 1, ..., the one of most Gaussians first.

    Components of equal size are ordered by their first Gaussian. Gaussians whose position is not finite touch nothing.
    """
    count = check_shapes(means=(means, "N 3"), reach=(reach, "N"))["N"]
    component = np.arange(count, dtype=np.int32)
    tree, rule = _tree_of(means)
    if tree.native.count > 1:
        sizes = np.ascontiguousarray(reach, dtype=np.float32)
        _native.touching(tree.native, sizes, rule, component, torch.get_num_threads())
        mapped.release(reach)
        tree.release()
    return component


def touching_atoms(means: np.ndarray, reach: np.ndarray, atoms: np.ndarray) -> list[tuple[int, int]]:
    """Return pairs (low, high) of atoms (N,), 0 = none, of which enough Gaussians touch; in order, each once."""
    check_shapes(means=(means, "N 3"), reach=(reach, "N"), atoms=(atoms, "N"))
    tree, rule = _tree_of(means)
    if tree.native.count < 2:
        return []
    sizes, groups = np.ascontiguousarray(reach, dtype=np.float32), np.ascontiguousarray(atoms, dtype=np.int32)
    contacts = 2 * LEAST_CONTACTS
    pairs = _native.touching_groups(tree.native, tree.points, sizes, groups, rule, contacts, torch.get_num_threads())
    mapped.release(reach)
    tree.release()
    return pairs


def _tree_of(means: np.ndarray) -> tuple[Tree, tuple[int, float, float, int]]:
    """Return the tree of the means (N,3) that are finite, and the rule by which they touch."""
    tree = Tree(means, finite_rows(means))
    return tree, (min(NEIGHBOURS, max(tree.native.count - 1, 1)), GAP_FACTOR, REACH_FACTOR, DISTANCES_KEPT)


def touching_gaussians(means: np.ndarray, reach: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return pairs of Gaussians that touch: rows and cols (E,) int32, each pair once or twice.

    Gaussians whose position is not finite touch nothing.
    """
    check_shapes(means=(means, "N 3"), reach=(reach, "N"))
    finite = np.flatnonzero(np.isfinite(means).all(1))
    if len(finite) < 2:
        return np.zeros(0, dtype=np.int32), np.zeros(0, dtype=np.int32)
    tree = Tree(means[finite], np.ones(len(finite), dtype=np.bool_))
    sizes = reach[finite].astype(np.float32)
    others = np.empty((len(finite), min(NEIGHBOURS, len(finite) - 1)), dtype=np.int32)
    _native.touching_neighbours(
        tree.native, tree.points, sizes, GAP_FACTOR, REACH_FACTOR, others, torch.get_num_threads()
    )
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
