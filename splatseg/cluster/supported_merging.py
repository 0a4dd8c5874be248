"""Joining atoms into things: pairs that touch are merged where the masks of all views explain them better as one.

    value(S) = sum_v seen_v(S) max_m overlap_m(S)         what masks explain of a set (its support times what is seen)
    gain(A, B) = (value(A + B) - value(A) - value(B)) / min(seen(A), seen(B))

The pair of the highest gain is merged first, until nothing touches. The gain counts what changes by the smaller of the
two, per pixel of it: a box on a table changes the value of the table by nothing that noise would not, but its own by
all of it. Halves of a thing that views show whole have gains up to 1.4; two things that masks keep apart -0.4 and less.

Level of a merge: where its gain, against the best that its parts can do apart, equals the threshold of a granularity,

    threshold(g) = t - SPAN (2 g - 1)        t from FLAT for label maps to NESTED for deeply nested masks

Where masks are a flat label map, a view that shows a whole does not show its parts: evidence for one is against the
other, and a whole that is seen about as well as its parts is a thing broken by noise. Where masks are nested every view
shows parts, wholes and groups at once, so a whole must be better supported than its parts to be more than one of many.

Alphabet: N Gaussians; A atoms; M masks; V views.

Source: ours; cost of a node against the best of its parts as in CART's pruning (Breiman et al. 1984).
"""

from __future__ import annotations

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.cluster.hierarchy import Hierarchy, rising
from splatseg.cluster.merging import merge_touching
from splatseg.lift.agreement import Agreement

SPAN = 1.5
"""How far granularity moves the threshold to either side; gains lie in -1 to 1.4, those of slivers below."""

FLAT, NESTED = -0.12, 0.3
"""Thresholds at granularity 1/2 [flat -0.2, -0.12, -0.03, 0.1: panoptic quality of tabletop 0.99, 0.96, 0.96, 0.94, of
demo 0.92, 0.92, 0.81, 0.81; nested -0.1, 0.2, 0.3: IoU of clicks on tabletop 0.76, 0.80, 0.80]."""


def merge_by_support(atoms: np.ndarray, touching: list[tuple[int, int]], agreement: Agreement) -> Hierarchy:
    """The hierarchy above atoms (N,) int32, 0 = none; `touching` pairs of atoms may merge, and what they become."""
    check_shapes(atoms=(atoms, f"{agreement.gaussians}"))
    count = int(atoms.max(initial=0))
    nodes = _Explained(*agreement.tallies_of(atoms.astype(np.int32) - 1, count), agreement)
    merges, gains = merge_touching(count, touching, nodes)
    levels = 0.5 + (threshold_of(agreement) - gains) / (2.0 * SPAN)
    return Hierarchy(atoms.astype(np.int32), merges, rising(merges, levels, count))


def threshold_of(agreement: Agreement) -> float:
    """The gain from which on a merge counts at granularity 1/2: FLAT to NESTED as masks lie on one another."""
    return FLAT + (NESTED - FLAT) * (1.0 - 1.0 / max(agreement.depth, 1.0))


class _Explained:
    """Nodes with their tallies, what masks explain of them as one, and of their parts at best."""

    def __init__(self, inside: np.ndarray, seen: np.ndarray, agreement: Agreement) -> None:
        self._agreement = agreement
        self._inside = dict(enumerate(inside, start=1))
        self._seen = dict(enumerate(seen, start=1))
        self._own = {node: self._value(self._inside[node], self._seen[node]) for node in self._inside}
        self._best = dict(self._own)

    def gain(self, a: int, b: int) -> float:
        return (self._together(a, b) - self._own[a] - self._own[b]) / self._lesser(a, b)

    def join(self, a: int, b: int, new: int) -> float:
        value, apart, lesser = self._together(a, b), self._best[a] + self._best[b], self._lesser(a, b)
        self._inside[new] = self._inside.pop(a) + self._inside.pop(b)
        self._seen[new] = self._seen.pop(a) + self._seen.pop(b)
        self._own[new], self._best[new] = value, max(value, apart)
        return (value - apart) / lesser

    def _together(self, a: int, b: int) -> float:
        return self._value(self._inside[a] + self._inside[b], self._seen[a] + self._seen[b])

    def _value(self, inside: np.ndarray, seen: np.ndarray) -> float:
        return self._agreement.support_of(inside, seen) * float(seen.sum())

    def _lesser(self, a: int, b: int) -> float:
        return max(min(float(self._seen[a].sum()), float(self._seen[b].sum())), 1e-9)
