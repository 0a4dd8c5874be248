"""Merging of atoms into things by their features alone, without votes: average linkage of atoms that touch.

    distance(A, B) = 1 - mean_A . mean_B        level = 1/2 + log(distance / usual) / (2 log RANGE)

Means are weighted by their numbers of Gaussians. Granularity moves the distance from usual / RANGE to usual * RANGE.

Alphabet: N Gaussians, F features (unit rows); A atoms.

Source: UPGMA, Sokal and Michener 1958, among spatial neighbours.
"""

from __future__ import annotations

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.cluster.coreset import means_of
from splatseg.cluster.hierarchy import Hierarchy, rising
from splatseg.cluster.merging import merge_touching
from splatseg.features.rows import FeatureRows, as_rows

RANGE = 5.0
"""Factor between the distance at granularity 1/2 and the distances at 0 and at 1."""


def merge_by_similarity(
    atoms: np.ndarray, touching: list[tuple[int, int]], features: FeatureRows | np.ndarray, usual: float
) -> Hierarchy:
    """Return the hierarchy above atoms (N,) int32, 0 = none, with features (N,F).

    touching: the pairs of atoms that may merge; usual: the distance of granularity 1/2.
    """
    check_shapes(atoms=(atoms, "N"), features=(as_rows(features), "N F"))
    count = int(atoms.max(initial=0))
    nodes = _Means(*(of_all[1:] for of_all in means_of(features, atoms, count + 1)))
    merges, gains = merge_touching(count, touching, nodes)
    levels = 0.5 + np.log(np.maximum(-gains, 1e-6) / usual) / (2.0 * np.log(RANGE))
    return Hierarchy(atoms.astype(np.int32, copy=False), merges, rising(merges, levels, count))


class _Means:
    """Nodes with their mean features and sizes; the gain is the negative distance."""

    def __init__(self, means: np.ndarray, sizes: np.ndarray) -> None:
        self._means = dict(enumerate(means.astype(np.float64), start=1))
        self._sizes = dict(enumerate(sizes.tolist(), start=1))

    def gain(self, a: int, b: int) -> float:
        return float(self._means[a] @ self._means[b]) - 1.0

    def join(self, a: int, b: int, new: int) -> float:
        gain = self.gain(a, b)
        size = self._sizes[a] + self._sizes[b]
        self._means[new] = (self._sizes.pop(a) * self._means.pop(a) + self._sizes.pop(b) * self._means.pop(b)) / size
        self._sizes[new] = size
        return gain
