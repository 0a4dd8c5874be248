"""Finding Gaussians that straddle two segments, by the masks of the views that show these segments best.

    in_ik = sum_v q_vk W_i,m(v,k)    share_ik = in_ik / sum_v q_vk W_iv    ambiguity_i = in_i2 / (in_i1 + in_i2)

m(v,k) is the mask of view v that overlaps segment k best and q_vk how well (`votes.agreement`); W_iv is the sum of what
view v sees of Gaussian i. The first segment of a Gaussian, 1, has the largest share; the second, 2, sees most of it
among the others. A Gaussian straddles if its ambiguity is above a level taken from the data: Gaussians above it hold a
given share of all that is seen in a second segment; below it lies the noise that wobbling masks leave everywhere.

There are two kinds. A Gaussian that is LARGE and crosses the edge has parts on either side: cut along some axis, its
parts are seen in different segments. One that LEAKS, half transparent in front of the edge or behind it, or as small as
a pixel, has parts that are all alike. So a cut is tried, and only a cut that separates stands (`refine`).

Alphabet: N Gaussians; M masks; V views; K segments; weights in pixels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from splatseg.votes.votes import Votes, visible_under_masks

ROWS_A_BLOCK = 65_536
"""Gaussians that are processed at once; bounds the memory."""

Matched = tuple[sparse.csc_array, np.ndarray]
"""(masks (M,K+1), views (V,K+1)) of `Agreement.matched`."""


@dataclass(frozen=True, eq=False)
class Tally:
    """The first and the second segment of each of N Gaussians."""

    first: np.ndarray
    """(N,) int32, the segment in which the largest share of a Gaussian is seen, 0 = too little is seen of it."""
    second: np.ndarray
    """(N,) int32, the segment that sees most of it among the others."""
    inside: np.ndarray
    """(N,) float32, pixels that the first segment sees of it."""
    foreign: np.ndarray
    """(N,) float32, pixels that the second segment sees of it."""
    share: np.ndarray
    """(N,) float32 in 0..1, `inside` as a share of all that the first segment's views see of it."""

    @property
    def ambiguity(self) -> np.ndarray:
        """(N,) in 0..1/2; 0 for Gaussians that no segment sees."""
        both = self.inside + self.foreign
        ambiguity: np.ndarray = np.divide(self.foreign, both, out=np.zeros_like(both), where=both > 0)
        return ambiguity

    def corrected(self, ids: np.ndarray) -> np.ndarray:
        """Return ids (N,) int32: the first segment if more than half of the Gaussian is seen in it, else the old id."""
        changed: np.ndarray = np.where((self.first > 0) & (self.share > 0.5), self.first, ids).astype(np.int32)
        return changed

    def straddlers(self, held: float) -> np.ndarray:
        """Return the indices (R,), ascending, of the Gaussians that hold the share `held` of all that is foreign.

        The most ambiguous are taken first.
        """
        known = np.flatnonzero(self.foreign > 0)
        if len(known) == 0:
            return known
        ambiguity = self.ambiguity[known]
        order = np.argsort(-ambiguity, kind="stable")
        summed = np.cumsum(self.foreign[known][order], dtype=np.float64)
        last = min(int(np.searchsorted(summed, held * summed[-1])), len(order) - 1)
        taken: np.ndarray = known[ambiguity >= ambiguity[order[last]]]  # Gaussians of equal ambiguity together
        return taken


def tally(votes: Votes, matched: Matched, evidence: float) -> Tally:
    """Return the pixels of every Gaussian in the masks and views matched with each segment (`Agreement.matched`).

    A segment whose views see no more than `evidence` pixels of a Gaussian does not count for it.
    """
    count, (masks, quality) = votes.weights.shape[0], matched
    visible = visible_under_masks(votes)
    first, second = np.zeros(count, dtype=np.int32), np.zeros(count, dtype=np.int32)
    most, foreign, share = (np.zeros(count, dtype=np.float32) for _ in range(3))
    for start in range(0, count if matched[0].shape[1] > 1 else 0, ROWS_A_BLOCK):
        block = slice(start, min(start + ROWS_A_BLOCK, count))
        inside, seen = (votes.weights[block] @ masks).toarray(), np.asarray(visible[block] @ quality)
        rows = np.arange(len(inside))
        shares = np.divide(inside, seen, out=np.zeros_like(inside), where=seen > evidence)
        first[block] = shares.argmax(axis=1)
        share[block] = shares[rows, first[block]]
        most[block] = inside[rows, first[block]]
        inside[rows, first[block]] = -1.0  # so that the largest is now the second
        second[block] = inside.argmax(axis=1)
        foreign[block] = inside[rows, second[block]]
    known = share > 0
    return Tally(np.where(known, first, 0), second, most, np.where(known, foreign.clip(min=0.0), 0.0), share)
