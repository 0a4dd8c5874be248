"""Merging of atoms into things: pairs that touch are merged if the masks of all views explain them better as one.

    value(S) = sum_v seen_v(S) max_m overlap_m(S)         what masks explain of a set: its support times its mass
    gain(A, B) = (value(A + B) - value(A) - value(B)) / seen(A)               A the smaller of the two
    covered(A, B) = share of A that lies in the masks, one per view, which overlap A + B best
    fit(A, B) = min(gain - t, SLOPE * (covered - COVERED))

The pair with the best fit, plus a term for features, is merged first, until no pair touches. The gain is measured per
pixel of the smaller of the two: a box on a table changes the value of the table by no more than noise, but its own
value entirely. Halves of a thing that views show whole have gains up to 1.4; two things that masks keep apart -0.4 and
less. And a pair must be shown together: masks that bleed from a table onto a floor of which little else is seen explain
the two as one, but most of the floor lies outside of them.

Level of a merge: the granularity g at which -SPAN (2 g - 1) equals its fit, measured against the best that its parts
reach apart; t runs from FLAT for label maps to NESTED for deeply nested masks. If masks are a flat label map, a view
that shows a whole does not show its parts: evidence for one is against the other, and a whole that is seen about as
well as its parts is a thing broken by noise. If masks are nested, every view shows parts, wholes and groups at once, so
a whole must be better supported than its parts to be more than one of many.

Alphabet: N Gaussians; A atoms; M masks; V views.

Source: ours; cost of a node against the best of its parts as in CART's pruning (Breiman et al. 1984).
"""

from __future__ import annotations

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.cluster.coreset import means_of
from splatseg.cluster.hierarchy import Hierarchy, rising
from splatseg.cluster.merging import merge_touching
from splatseg.votes.agreement import Agreement

SPAN = 1.5
"""Range of the fit, to either side, over granularity 0..1; gains lie in -1 to 1.4, those of slivers below."""

FLAT, NESTED = -0.15, 0.3
"""Gains at which a pair merges at granularity 1/2, for label maps and for deeply nested masks [flat -0.2, -0.12, -0.03,
0.1: panoptic quality of tabletop 0.97, 0.94, 0.94, 0.92, of demo 0.94, 0.92, 0.86, 0.81; but IoU of clicks on tabletop
with 30 % of the masks dropped 0.86, 0.91 with the first two; nested -0.1, 0.2, 0.3: IoU of clicks on tabletop 0.76,
0.80, 0.80]."""

COVERED, SLOPE = 0.25, 2.0
"""Covered share at which a pair merges at granularity 1/2 [0, 0.25, 0.3, 0.42: ARI of demo 0.889, 0.903, 0.903, 0.903,
panoptic quality of tabletop 0.94, 0.94, 0.94, 0.73]; and the gain that a share is worth."""

COSINE_WEIGHT = 0.5
"""Weight of the cosine of two nodes' features in the order of merging. For an atom that is seen little, and under
masks of two things alike, features know better where it belongs [0.25, 0.5, 1: accuracy of the Gaussians of
composed_14 0.972, 0.987, 0.988; IoU of clicks on tabletop with nested masks 0.80, 0.80, 0.75]."""


def merge_by_support(
    atoms: np.ndarray, touching: list[tuple[int, int]], agreement: Agreement, features: np.ndarray
) -> Hierarchy:
    """Merge touching atoms by the support of their unions; return the hierarchy above atoms (N,) int32, 0 = none.

    features (N,F); touching: the pairs of atoms that may merge.
    """
    check_shapes(atoms=(atoms, f"{agreement.gaussians}"), features=(features, f"{agreement.gaussians} F"))
    count = int(atoms.max(initial=0))
    means, sizes = (of_all[1:] for of_all in means_of(features, atoms, count + 1))
    nodes = _Explained(*agreement.tallies_of(atoms.astype(np.int32) - 1, count), agreement, means * sizes[:, None])
    merges, fits = merge_touching(count, touching, nodes)
    levels = 0.5 - fits / (2.0 * SPAN)
    return Hierarchy(atoms.astype(np.int32), merges, rising(merges, levels, count))


def threshold_of(agreement: Agreement) -> float:
    """Return the gain at which a pair merges at granularity 1/2: FLAT to NESTED by the mean depth of the masks."""
    return FLAT + (NESTED - FLAT) * (1.0 - 1.0 / max(agreement.depth, 1.0))


class _Explained:
    """Nodes with their tallies, their value as one, and the best value of their parts."""

    def __init__(self, inside: np.ndarray, seen: np.ndarray, agreement: Agreement, sums: np.ndarray) -> None:
        self._sums = dict(enumerate(sums, start=1))
        self._agreement, self._threshold = agreement, threshold_of(agreement)
        self._inside = dict(enumerate(inside, start=1))
        self._seen = dict(enumerate(seen, start=1))
        self._own = {node: self._value(self._inside[node], self._seen[node]) for node in self._inside}
        self._best = dict(self._own)

    def gain(self, a: int, b: int) -> float:
        fit, _ = self._fit(a, b, self._own[a] + self._own[b])
        return fit + COSINE_WEIGHT * _cosine(self._sums[a], self._sums[b])

    def join(self, a: int, b: int, new: int) -> float:
        apart = self._best[a] + self._best[b]
        fit, value = self._fit(a, b, apart)
        self._inside[new] = self._inside.pop(a) + self._inside.pop(b)
        self._seen[new] = self._seen.pop(a) + self._seen.pop(b)
        self._sums[new] = self._sums.pop(a) + self._sums.pop(b)
        self._own[new], self._best[new] = value, max(value, apart)
        return fit

    def _fit(self, a: int, b: int, apart: float) -> tuple[float, float]:
        """Return (the fit of two nodes, 0 at granularity 1/2; their value as one)."""
        inside, seen = self._inside[a] + self._inside[b], self._seen[a] + self._seen[b]
        columns, overlaps = self._agreement.best_masks(inside, seen)
        value = float((seen * overlaps).sum())
        lesser = a if float(self._seen[a].sum()) < float(self._seen[b].sum()) else b
        own = self._seen[lesser]
        covered = float((self._inside[lesser][columns] * overlaps).sum()) / max(float((own * overlaps).sum()), 1e-9)
        gain = (value - apart) / max(float(own.sum()), 1e-9)
        return min(gain - self._threshold, SLOPE * (covered - COVERED)), value

    def _value(self, inside: np.ndarray, seen: np.ndarray) -> float:
        return self._agreement.support_of(inside, seen) * float(seen.sum())


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other) / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12)
