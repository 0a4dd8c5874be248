"""Flood: a selection grows into all that touches it, and all that touches that, until a gap stops it.

Gaussians touch as in `cluster.components`: as near neighbours whose gap is bridged by their size, or usual for the
scene. A flood may be kept within other Gaussians, may stop at edges between colours, and may be stopped after some
steps. It goes in waves, a breadth-first search, so its time depends on what it reaches.

Alphabet: N Gaussians; E pairs that touch, each both ways; members (N,) bool; OKLab colours (N,3).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.sparse import coo_array

from splatseg.arrays import check_shapes
from splatseg.cluster.components import touching_gaussians
from splatseg.errors import PromptError


@dataclass(frozen=True, eq=False)
class Touching:
    """The Gaussians that touch each Gaussian."""

    starts: np.ndarray
    """(N + 1,): where those that touch each Gaussian begin in `others`."""
    others: np.ndarray
    """(E,): those that touch the first, then those that touch the second, and so on."""

    @classmethod
    def of(cls, means: np.ndarray, reach: np.ndarray) -> Touching:
        """Find the pairs among Gaussians at means (N,3) with largest scales reach (N,)."""
        return cls.of_pairs(len(means), *touching_gaussians(means, reach))

    @classmethod
    def of_pairs(cls, count: int, rows: np.ndarray, columns: np.ndarray) -> Touching:
        """Return the pairs of `count` Gaussians given by one of each, and the other: (E,) each, in either order."""
        both = np.concatenate([rows, columns]), np.concatenate([columns, rows])
        touching = coo_array((np.ones(len(both[0]), dtype=bool), both), shape=(count, count)).tocsr()
        return cls(touching.indptr, touching.indices)

    def flooded(
        self,
        members: np.ndarray,
        steps: int | None = None,
        within: np.ndarray | None = None,
        colors: np.ndarray | None = None,
        tolerance: float = np.inf,
    ) -> np.ndarray:
        """Return members (N,) bool with all that touches them, and so on: `steps` times, or until there is nothing.

        within: (N,) bool, beyond which it does not go; None for all. colors (N,3), tolerance: two Gaussians whose
        colours are farther apart do not touch.

        Raises PromptError for a negative number of steps, and a negative tolerance.
        """
        check_shapes(members=(members, f"{len(self.starts) - 1}"))
        if steps is not None and steps < 0:
            raise PromptError(f"a flood has {steps} steps; give 0 or more")
        if not tolerance >= 0.0:
            raise PromptError(f"the tolerance is {tolerance:g}; give a distance in OKLab of 0 or more, such as 0.1")
        open_to = np.ones_like(members) if within is None else within.copy()
        open_to &= ~members
        wave = np.flatnonzero(members)
        while len(wave) and steps != 0:
            sources, targets = self._pairs_of(wave)
            reached = open_to[targets]
            if colors is not None:
                sources, targets = sources[reached], targets[reached]
                reached = np.square(colors[sources] - colors[targets]).sum(axis=1) <= tolerance * tolerance
            wave = np.unique(targets[reached])
            open_to[wave] = False
            steps = None if steps is None else steps - 1
        # What was open and is no more has been reached.
        flooded: np.ndarray = members | (~open_to if within is None else within & ~open_to)
        return flooded

    def _pairs_of(self, wave: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return all pairs of the Gaussians of a wave (K,): those Gaussians, and the ones that touch them."""
        first, counts = self.starts[wave], self.starts[wave + 1] - self.starts[wave]
        ends = np.cumsum(counts)
        places = np.repeat(first - (ends - counts), counts) + np.arange(ends[-1])
        return np.repeat(wave, counts), self.others[places]
