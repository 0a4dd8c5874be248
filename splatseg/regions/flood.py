"""Flood: a selection grows into all that touches it, and all that touches that, until a gap stops it.

Gaussians touch as in `cluster.components`: as near neighbours whose gap is bridged by their size, or usual for the
scene. A flood may be kept within other Gaussians, may stop at edges between colours, and may be stopped after some
steps.

Alphabet: N Gaussians; E pairs that touch; members (N,) bool; OKLab colours (N,3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_matrix
from scipy.sparse.csgraph import connected_components

from splatseg.arrays import check_shapes
from splatseg.cluster.components import touching_gaussians
from splatseg.errors import PromptError


@dataclass(frozen=True, eq=False)
class Touching:
    """Pairs of Gaussians that touch."""

    count: int
    """N, number of Gaussians."""
    rows: np.ndarray
    """One of each pair, (E,) int32."""
    columns: np.ndarray
    """The other, (E,) int32."""

    @classmethod
    def of(cls, means: np.ndarray, reach: np.ndarray) -> Touching:
        """Find the pairs among Gaussians at means (N,3) with largest scales reach (N,)."""
        rows, columns = touching_gaussians(means, reach)
        return cls(len(means), rows, columns)

    def between(self, which: np.ndarray) -> Touching:
        """Return the pairs of which both are in `which` (N,) bool."""
        return self.kept(which[self.rows] & which[self.columns])

    def kept(self, pairs: np.ndarray) -> Touching:
        """Return some of the pairs, (E,) bool."""
        return Touching(self.count, self.rows[pairs], self.columns[pairs])

    def flooded(self, members: np.ndarray, steps: int | None = None) -> np.ndarray:
        """Return members (N,) bool with all that touches them, and so on: `steps` times, or until there is nothing.

        Raises PromptError for a negative number of steps.
        """
        check_shapes(members=(members, f"{self.count}"))
        if steps is None:
            shape = (self.count, self.count)
            pairs = coo_matrix((np.ones(len(self.rows), dtype=bool), (self.rows, self.columns)), shape=shape)
            piece = connected_components(pairs, directed=False)[1]
            reached = np.zeros(self.count, dtype=bool)
            reached[piece[members]] = True
            flooded: np.ndarray = reached[piece]
            return flooded
        if steps < 0:
            raise PromptError(f"a flood has {steps} steps; give 0 or more")
        flooded = members.copy()
        for _ in range(steps):
            before = flooded.copy()
            flooded[self.columns[before[self.rows]]] = True
            flooded[self.rows[before[self.columns]]] = True
        return flooded

    def without_edges(self, colors: np.ndarray, tolerance: float) -> Touching:
        """Return the pairs whose colours (N,3) in OKLab are at most `tolerance` apart.

        Raises PromptError for a negative tolerance.
        """
        if not tolerance >= 0.0:
            raise PromptError(f"the tolerance is {tolerance:g}; give a distance in OKLab of 0 or more, such as 0.1")
        apart = np.square(colors[self.rows] - colors[self.columns]).sum(axis=1)
        return self.kept(apart <= tolerance * tolerance)
