"""Merging of atoms into things: pairs that touch are merged if the masks of all views explain them better as one.

For A, the smaller of two nodes, and B, in every view v:

    whole_v(A) = max_m q_m(A + B) inside_m(A)          pixels of A that masks of the two together explain
    apart_v(A) = the same for A alone, or for its parts, whichever explain more
    left_v(A)  = seen_v(A) max_m q_m(B) (1 - inside_m(A) / seen_v(A))         pixels of A that masks of B leave out
    gain = min over both sides S of sum_v (whole_v(S) - apart_v(S)) / seen(S)
    nested = sum_v min(whole_v(A), apart_v(A)) / seen(A)
    left = sum_v left_v(A) / seen(A)
    fit(A, B) = gain + PRIOR (1 - nested - left)

q_m is the IoU of mask m with a set (`votes.agreement`); sums over views are weighted by their sources. The pair with
the best fit is merged first, until no pair touches. Everything is measured per pixel of the side in question: a box on
a table changes what explains the table by no more than noise, but what explains the box entirely; and two things that
only a group's mask shows together lose on either side. If masks are a flat label map, a view that shows a whole does
not show its parts, so nested is small, and noise may break a thing in nearly half of the views. If masks are nested, a
view shows parts, wholes and groups at once; a whole must then be better explained than its parts to be more than a
group. This is judged pair by pair, so a mask over everything changes nothing between two things below it.

Where merge trees of the photographs are known (`borders`), masks proposed from the same photographs are not all that
there is to know. With p, the probability by these trees that A and B are different things, the pair with the greatest
fit - AGAINST p is merged first, and its fit counts as fit - AGAINST_LEVEL (p - 1/2): borders order merging more than
they decide it.

True masks are proof, not evidence: two nodes that they show apart (`votes.true_masks`) are merged when nothing else is
left to merge, at level 1, so they are one group at most.

Level of a merge: the probability that its two sides are different things, 1 / (1 + exp(SLOPE fit)), after fits that
rise towards a root were pooled (`pooled`): one doubtful merge near the root must not join all that is below it.

Alphabet: N Gaussians; A atoms; V views, r of which see something of a node.

Source: ours; pooling is isotonic regression on a tree (Pardalos and Xue 1999).
"""

from __future__ import annotations

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.borders.between import Between
from splatseg.cluster.coreset import means_of
from splatseg.cluster.hierarchy import Hierarchy, pooled
from splatseg.cluster.merging import Nodes, merge_touching
from splatseg.features.rows import FeatureRows, as_rows
from splatseg.votes.agreement import Agreement
from splatseg.votes.tallies import Tally
from splatseg.votes.true_masks import TrueMasks

PRIOR, SLOPE = 0.2, 9.0
"""Weight of what is known before the gain, and slope of the probability. Both are a logistic regression of whether the
sides of a merge are one thing, on gain, nested and left, over 2,972 merges of seven scenes with flat and nested masks,
whole, dropped and with a big mask added. Coefficients of the rest over that of the gain: 0.21, -0.17, -0.18; leaving
out one scene after the other, 0.19 to 0.22, -0.10 to -0.22, -0.15 to -0.21. They are so near one another that one
number stands for the three."""

AGAINST, AGAINST_LEVEL = 0.8, 0.4
"""Weights of what borders say, in the order of merging and in the level. Chosen by votes among 0.4, 0.8, 1.2 and 1.6 in
the order on desk, kitchenette, living, tabletop and toys; garden and demo, not looked at, gained more. With trees that
the other scenes teach the means of eight scenes rise as well (`benchmarks/fit_proposals.py --proposals`)."""

LAST = 4.0
"""Subtracted from the gain of pairs that are apart: more than the gains of any two pairs differ."""

TIE = 1e-3
"""Weight of the cosine of two nodes' features in the order of merging. Masks of two things alike decide nothing about
a Gaussian between them; features know better where it belongs."""


def merge_by_support(
    atoms: np.ndarray,
    touching: list[tuple[int, int]],
    agreement: Agreement,
    features: FeatureRows | np.ndarray,
    between: Between | None = None,
) -> Hierarchy:
    """Merge touching atoms by what explains their unions; return the hierarchy above atoms (N,) int32, 0 = none.

    features (N,F); touching: the pairs of atoms that may merge. between: what merge trees say of these atoms; it is
    used up.
    """
    check_shapes(atoms=(atoms, f"{agreement.gaussians}"), features=(as_rows(features), f"{agreement.gaussians} F"))
    count = int(atoms.max(initial=0))
    means, sizes = (of_all[1:] for of_all in means_of(features, atoms, count + 1))
    explained = _Explained(agreement.tallies_of(atoms, count, first=1), agreement, means * sizes[:, None])
    nodes: Nodes = explained if between is None else _Bordered(explained, between)
    if agreement.true is not None:
        nodes = _Apart(nodes, agreement.true, *agreement.true.tallies_of(atoms.astype(np.int64) - 1, count))
    merges, fits = merge_touching(count, touching, nodes)
    # Merges of what is apart come last, so those before them are whole trees.
    free = int(np.isfinite(fits).sum())
    pooled_fits = pooled(merges[:free], fits[:free], np.array(explained.weights[:free]), count)
    return Hierarchy(atoms.astype(np.int32, copy=False), merges, level_of(np.concatenate([pooled_fits, fits[free:]])))


def level_of(fits: np.ndarray) -> np.ndarray:
    """Return the levels (R,) float32 in 0..1 of fits (R,): the granularity at which a pair of such a fit merges."""
    levels: np.ndarray = (1.0 / (1.0 + np.exp(SLOPE * fits))).astype(np.float32)
    return levels


class _Explained:
    """Nodes with their tallies, and the pixels that their best parts explain: (r,), of the views that see them."""

    def __init__(self, tallies: list[Tally], agreement: Agreement, sums: np.ndarray) -> None:
        self._agreement = agreement
        self._sums = dict(enumerate(sums, start=1))
        self._tallies = dict(enumerate(tallies, start=1))
        self._total = {node: max(agreement.mass_of(tally), 1e-9) for node, tally in self._tallies.items()}
        self._best = {node: self._explained(tally)[tally.views] for node, tally in self._tallies.items()}
        self.weights: list[float] = []
        """Pixels of the smaller side of every merge."""

    def gain(self, a: int, b: int) -> float:
        return self._fit(a, b) + TIE * _cosine(self._sums[a], self._sums[b])

    def join(self, a: int, b: int, new: int) -> float:
        fit = self._fit(a, b)
        self.weights.append(min(self._total[a], self._total[b]))
        one, other = (self._tallies[node].by_view(self._best.pop(node)) for node in (a, b))
        tally = self._tallies.pop(a) + self._tallies.pop(b)
        own, apart = self._explained(tally), one + other
        self._best[new] = (own if own.sum() >= apart.sum() else apart)[tally.views]
        self._tallies[new] = tally
        self._sums[new] = self._sums.pop(a) + self._sums.pop(b)
        self._total[new] = self._total.pop(a) + self._total.pop(b)
        return fit

    def _fit(self, a: int, b: int) -> float:
        """Return the fit of two nodes, 0 at granularity 1/2."""
        small, large = (a, b) if self._total[a] <= self._total[b] else (b, a)
        one, other = self._tallies[small], self._tallies[large]
        explained = self._agreement.explained_by_union(one, other)
        whole, whole_of_other = self._agreement.weighted(explained[:2])
        best, best_of_other = one.by_view(self._best[small]), other.by_view(self._best[large])
        gain = min(
            float((whole - best).sum()) / self._total[small],
            float((whole_of_other - best_of_other).sum()) / self._total[large],
        )
        nested = float(np.minimum(whole, best).sum())
        left = float(self._agreement.weighted(explained[2] * one.seen()).sum())
        return gain + PRIOR * (1.0 - (nested + left) / self._total[small])

    def _explained(self, tally: Tally) -> np.ndarray:
        """Return the pixels (V,) of a set that masks explain, those of every view times its weight."""
        return self._agreement.weighted(self._agreement.best_masks(tally)[1][1])


class _Bordered:
    """Nodes of which merge trees know, too, whether they are different things."""

    def __init__(self, nodes: _Explained, between: Between) -> None:
        self._nodes, self._between = nodes, between

    def gain(self, a: int, b: int) -> float:
        return self._nodes.gain(a, b) - AGAINST * self._between.different(a, b)

    def join(self, a: int, b: int, new: int) -> float:
        different = self._between.different(a, b)
        self._between.join(a, b, new)
        return self._nodes.join(a, b, new) - AGAINST_LEVEL * (different - 0.5)


class _Apart:
    """Nodes of which some are apart by true masks: these merge last, with a fit of minus infinity."""

    def __init__(self, nodes: Nodes, true: TrueMasks, held: np.ndarray, visible: np.ndarray) -> None:
        self._nodes, self._true = nodes, true
        self._held = dict(enumerate(held, start=1))
        self._visible = dict(enumerate(visible, start=1))
        self._groups: set[int] = set()

    def gain(self, a: int, b: int) -> float:
        return self._nodes.gain(a, b) - (LAST if self._are_apart(a, b) else 0.0)

    def join(self, a: int, b: int, new: int) -> float:
        apart, fit = self._are_apart(a, b), self._nodes.join(a, b, new)
        self._held[new] = self._held.pop(a) + self._held.pop(b)
        self._visible[new] = self._visible.pop(a) + self._visible.pop(b)
        if apart:
            self._groups.add(new)
        return -np.inf if apart else fit

    def _are_apart(self, a: int, b: int) -> bool:
        if a in self._groups or b in self._groups:
            return True
        held, visible = (np.stack([of_nodes[a], of_nodes[b]]) for of_nodes in (self._held, self._visible))
        return self._true.apart(held, visible)


def _cosine(one: np.ndarray, other: np.ndarray) -> float:
    return float(one @ other) / max(float(np.linalg.norm(one) * np.linalg.norm(other)), 1e-12)
