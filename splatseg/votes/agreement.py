"""Agreement of the masks of all views with a set of Gaussians, and corrections of the set by the masks.

    inside_m  = sum_{i in S} W_im          total_m = sum_i W_im          seen_v = sum_{i in S} W_iv
    overlap_m = inside_m / (total_m + seen_v - inside_m)                 v the view of mask m
    support(S) = sum_v w_v seen_v max_{m in v} overlap_m / sum_v w_v seen_v      in 0..1

W_im are votes, pixels of mask m on Gaussian i; W_iv is the sum of what view v sees of Gaussian i under its masks.
Because votes are blending weights, overlap_m is the IoU of the mask and the set's own pixels in its view, without
rendering anything. A thing that most views show whole has a high support, its parts and groups have lower ones. Masks
of one layer of a view do not overlap, but layers overlap one another, so W_iv is taken from the layer with the largest
sum. A view whose masks have several sources is one view for each source (`Votes.witness_of`), and w_v is its source's
weight over the smallest of all: a weight of 2 is as if the masks were given for two equal views.

There are two ways to correct a set. Both remove Gaussians that views show outside all masks; both leave Gaussians
unchanged that no mask in question sees.

* By majority: every mask votes inside or outside, according to where most of it lies; a Gaussian follows the votes of
  all masks, each by its weight. Parts of a broken thing still count, but of nested masks the larger ones contradict
  the smaller.
* By matches: in every view only the one mask with the best overlap counts, weighted by its overlap; a Gaussian belongs
  to the set if most of what these views see of it lies in these masks. Right for nested masks.

Alphabet: N Gaussians; M masks, m of which have something of a set (`votes.tallies`); V views that have masks, once for
each source; K segments.

Source: ours; consensus over views, in the spirit of mask association (MaskClustering, Yan et al. 2024).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from scipy import sparse

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.arrays import check_shapes
from splatseg.machine import mapped
from splatseg.votes.products import VoteRows, rows_of
from splatseg.votes.tallies import MasksOfViews, Tally, tallies_from
from splatseg.votes.true_masks import TrueMasks
from splatseg.votes.votes import Votes

GOOD_OVERLAP = 0.5
"""A mask matches a set only if its overlap is greater than this."""

CORRECTIONS = 3
"""Corrections after which a set hardly changes any more."""

SHARPNESS = 4.0
"""Slope of a mask's vote: a mask that lies inside by 1/2 + 1/4 or more votes with full weight, one half inside not
at all."""

EVIDENCE = 6.0
"""Pixels, over all views, with which a Gaussian must be seen before its label is changed. Of Gaussians inside a
thing only little light leaks out, mostly where masks are wrong [accuracy of the Gaussians of composed_14: at 0
0.967, at 6 0.990]."""

MASKED = 0.1
"""A Gaussian seen under masks by at most this share belongs to no thing: it is unmasked background, of which a
little shines through edges [tabletop, mask prompts, mIoU: at 0 0.957, at 0.1 0.965, at 0.3 0.965]."""


class Agreement:
    """The votes of a scene, prepared for queries about sets of its Gaussians."""

    def __init__(self, votes: Votes) -> None:
        rows = rows_of(votes)
        self._rows = rows if rows.ascending else VoteRows(votes.weights.sorted_indices())
        # Views without any mask have no columns; the others are numbered 0..V-1, in the order of their columns.
        self._view_of = votes.witness_of
        count = int(self._view_of.max(initial=-1)) + 1
        # Columns are sorted by view, so the first column of each is all that `reduceat` needs for maxima by view.
        self._first = np.searchsorted(self._view_of, np.arange(count))
        weights = votes.mask_weights[self._first]
        self.weight: np.ndarray = weights / weights.min(initial=np.inf)
        """(V,) float32, the weight of every view, at least 1."""
        self.true: TrueMasks | None = _true_masks(votes)
        """True masks among the masks, or None."""
        layer_of = np.ascontiguousarray(votes.layer_of, dtype=np.int32)
        self._masks = (self._view_of, layer_of, count, int(layer_of.max(initial=0)) + 1)
        self._of = MasksOfViews(self._view_of, count)
        # The set of all Gaussians contains the whole of every mask: its `inside` is `total`.
        self.total: np.ndarray = self.tallies_of(np.broadcast_to(np.int32(0), self.gaussians), 1)[0].dense()[0]
        """(M,) pixels that every mask has on Gaussians."""
        self._of_masks = (self._view_of, self.total, count)
        self.in_masks: np.ndarray = np.empty(self.gaussians, dtype=np.bool_)
        """(N,) bool: Gaussians that can belong to a thing; False if views show them outside all masks."""
        for block, matrix in self._rows.blocks():
            under_masks, seen = np.empty(matrix.height, dtype=np.float32), votes.seen[block]
            _native.under_masks(matrix, self._masks, under_masks, torch.get_num_threads())
            self.in_masks[block] = (under_masks > MASKED * seen) | (seen <= EVIDENCE)
        mapped.release(votes.seen)

    @property
    def gaussians(self) -> int:
        """Number of Gaussians, N."""
        return self._rows.shape[0]

    def tallies(self, members: np.ndarray) -> Tally:
        """Return the tallies of a set, members (N,) bool."""
        return self.tallies_of(members, 1, first=1)[0]

    def tallies_of(self, groups: np.ndarray, count: int, first: int = 0) -> list[Tally]:
        """Return the tallies of K = `count` sets.

        groups (N,) integers: the set of each Gaussian, `first` the first one, first + 1, ...; less = in none of them.
        """
        check_shapes(groups=(groups, f"{self.gaussians}"))
        tallies = _native.OpenTallies(count, self._rows.shape[1], self._of.views)
        for block, matrix in self._rows.blocks():
            own = groups[block].astype(np.int32)
            own -= first
            _native.tallies(matrix, self._masks, own, tallies, torch.get_num_threads())
        return list(tallies_from(tallies, count, self._of))

    def overlaps(self, tally: Tally) -> np.ndarray:
        """Return the IoU (m,) of a set with the masks that have something of it; with any other it is 0."""
        union = self.total[tally.columns] + tally.seen()[self._view_of[tally.columns]] - tally.inside
        overlaps: np.ndarray = np.divide(tally.inside, union, out=np.zeros_like(union), where=union > 0)
        return overlaps

    def best_masks(self, tally: Tally) -> tuple[np.ndarray, np.ndarray]:
        """Return the mask of every view that overlaps a set most, the first of equals, and what masks explain of it.

        (columns (V,) int32, -1 where no mask has anything of the set; values (2,V): the IoU with this mask, and
        max_m overlap_m inside_m over the masks m of the view)
        """
        columns = np.full(self._of.views, -1, dtype=np.int32)
        values = np.zeros((2, self._of.views), dtype=np.float32)
        _native.best_masks(tally.numbered, self._of_masks, columns, values)
        return columns, values

    def explained_by_union(self, one: Tally, other: Tally) -> np.ndarray:
        """Return what masks explain (3,V) of two sets without a common Gaussian, by the overlaps of their union.

        max_m q_m(one + other) inside_m(one); the same of the other; max_m q_m(other) (1 - inside_m(one) / seen_v(one)).
        """
        values = np.zeros((3, self._of.views), dtype=np.float32)
        _native.explained_by_union(one.numbered, other.numbered, self._of_masks, values)
        return values

    def sum_by_view(self, of_masks: np.ndarray) -> np.ndarray:
        """Return the sum (V,) of values (M,) over the masks of every view."""
        sums: np.ndarray = np.add.reduceat(of_masks, self._first)
        return sums

    def weighted(self, of_views: np.ndarray) -> np.ndarray:
        """Return values (V,) times the weights of the views."""
        weighted: np.ndarray = of_views * self.weight
        return weighted

    def mass_of(self, tally: Tally) -> float:
        """Return what all views see of a set, each by its weight."""
        return float(self.weighted(tally.seen()).sum())

    def support_of(self, tally: Tally) -> float:
        """Return the support of a set in 0..1, from its tallies; 0 if no view sees it."""
        weighted = self.weighted(tally.seen())
        total = float(weighted.sum())
        if total <= 0:
            return 0.0
        return float((weighted * self.best_masks(tally)[1][0]).sum()) / total

    def support(self, members: np.ndarray) -> float:
        """Return the support in 0..1 of a set, members (N,) bool."""
        return self.support_of(self.tallies(members))

    def by_majority(self, members: np.ndarray) -> np.ndarray:
        """Return the set (N,) bool corrected by the majority of the masks."""
        return settled(lambda one: self.follow_majority(one, self.tallies(one)), members)

    def by_matches(self, members: np.ndarray) -> np.ndarray:
        """Return the set (N,) bool corrected by the best mask of every view."""
        return settled(lambda one: self.follow_matches(one, self.tallies(one)), members)

    def follow_majority(self, members: np.ndarray, tally: Tally) -> np.ndarray:
        """Return the set (N,) bool of one round by majority, from a set (N,) bool and its tallies."""
        share = tally.dense()[0] / np.maximum(self.total, 1e-12)
        says = np.clip((share - 0.5) * SHARPNESS, -1.0, 1.0) * self.weight[self._view_of]
        followed: np.ndarray = np.empty(self.gaussians, dtype=np.bool_)
        says, members = says.astype(np.float32), _bytes_of(members)
        for block, matrix in self._rows.blocks():
            _native.follow_majority(
                matrix, says, members[block], followed[block].view(np.uint8), torch.get_num_threads()
            )
        followed &= self.in_masks
        return followed

    def follow_matches(self, members: np.ndarray, tally: Tally) -> np.ndarray:
        """Return the set (N,) bool of one round by matches, from a set (N,) bool and its tallies."""
        columns, quality = self._matches(tally)
        weight, matched = np.zeros(len(self.total), dtype=np.float32), np.flatnonzero(quality)
        weight[columns[matched]] = quality[matched]
        members = _bytes_of(members)
        followed: np.ndarray = np.empty(self.gaussians, dtype=np.bool_)
        for block, matrix in self._rows.blocks():
            of_block = (members[block], followed[block].view(np.uint8))
            _native.follow_matches(matrix, self._masks, weight, quality, *of_block, torch.get_num_threads())
        followed &= self.in_masks
        return followed

    def relabelled(self, ids: np.ndarray) -> np.ndarray:
        """Return segment ids (N,) corrected by matches, all at once: a Gaussian goes where most of it is seen.

        ids (N,) integers, 0 = none; no id is renumbered, but an id may lose all its Gaussians.
        """
        check_shapes(ids=(ids, f"{self.gaussians}"))
        kind, ids = ids.dtype, ids.astype(np.int32)
        for _ in range(CORRECTIONS):
            matches, changed = self._matches_of(ids), False
            for block, matrix in self._rows.blocks():
                own = ids[block].copy()
                _native.reassigned(matrix, self._masks, matches, own, EVIDENCE, ids[block], torch.get_num_threads())
                changed |= not np.array_equal(own, ids[block])
            if not changed:
                break
        return ids.astype(kind, copy=False)

    def matched(self, ids: np.ndarray) -> tuple[sparse.csc_array, np.ndarray]:
        """Return the best mask of every view for every segment of ids (N,), 0 = none.

        (masks (M,K+1): weight of mask m for segment k, 0..1 times the weight of its view; views (V,K+1): weight of the
        best mask of view v); column 0 is empty.
        """
        first, segments, counts, quality = self._matches_of(np.ascontiguousarray(ids, dtype=np.int32))
        masks = sparse.csr_array((counts, segments, first), shape=(self._rows.shape[1], len(quality)))
        return sparse.csc_array(masks), quality.T

    def _matches_of(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
        """Return (first (M+1,), segments, weights, quality (K,V)), ids (N,), 0 = none, which has no matches.

        first, segments and weights are a CSR matrix (M,K): row m lists the segments that mask m matches best, with its
        weight. quality is the weight of the best mask of each view.
        """
        count = int(ids.max(initial=0)) + 1
        quality = np.zeros((count, self._of.views), dtype=np.float32)
        found = []
        for segment, tally in enumerate(self.tallies_of(ids, count - 1, first=1), start=1):
            columns, quality[segment] = self._matches(tally)
            views = np.flatnonzero(quality[segment])
            found.append((columns[views], np.full(len(views), segment, dtype=np.int32), quality[segment, views]))
        empty = (np.zeros(0, np.int32), np.zeros(0, np.int32), np.zeros(0, np.float32))
        columns, segments, weights = map(np.concatenate, zip(empty, *found, strict=True))
        # Pairs with a weight, sorted by mask: the rows of a CSR matrix (M,K).
        order = np.argsort(columns, kind="stable")
        first = np.searchsorted(columns[order], np.arange(self._rows.shape[1] + 1))
        return first, segments[order], weights[order], quality

    def _matches(self, tally: Tally) -> tuple[np.ndarray, np.ndarray]:
        """Return (columns (V,), weights (V,) float32, 0..1 times the view's) of the best mask of every view."""
        columns, (best, _) = self.best_masks(tally)
        quality = np.clip((best - GOOD_OVERLAP) / (1.0 - GOOD_OVERLAP), 0.0, 1.0)
        return columns, self.weighted(quality.astype(np.float32))


def settled(follow: Callable[[np.ndarray], np.ndarray], members: np.ndarray) -> np.ndarray:
    """Return what members (N,) bool become by `CORRECTIONS` rounds of `follow`, or fewer if one changes nothing."""
    for _ in range(CORRECTIONS):
        followed = follow(members)
        if (followed == members).all():
            break
        members = followed
    return members


def _bytes_of(members: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(members, dtype=np.bool_).view(np.uint8)


def _true_masks(votes: Votes) -> TrueMasks | None:
    if votes.true_of is None or votes.visible is None:
        return None
    columns = np.flatnonzero(votes.true_of)
    view_of = np.unique(votes.view_of[columns], return_inverse=True)[1]
    held = sparse.vstack([some[:, columns] for some in rows_of(votes).as_scipy()], format="csr")
    return TrueMasks(sparse.csr_array(held), view_of, votes.visible, votes.seen / len(votes.views))
