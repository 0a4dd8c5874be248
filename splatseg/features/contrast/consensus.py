"""Groups of masks of different views that show the same thing, and the standing of each group, from the votes.

    B_m       = Gaussians that mask m sees by more than half of what its view sees of them
    IoU(m,k)  = pixels of k on B_m over pixels of k or B_m, of Gaussians that both views see
    group     = masks of many views with IoU >= 1/2: grown from the masks that most others agree with, then
                alternately merged and grown again
    presence  = of the views that show a group, the share that has a mask of it
    standing  = (presence of a group / the best presence among groups it is related to) ^ SHARPNESS

A group is one thing at one level: a lid and its bottle are two groups, which are related: the loss does not separate
them. If most views show a thing whole, its halves, from the views that break it, are seldom masks of their own and
their standing is near 0; parts that all views show as well as the whole keep theirs.

Alphabet: N Gaussians; M masks; V views with masks; G groups.

Source: ours, on the votes; consensus of views as in mask clustering (MaskClustering, Yan et al. 2024).
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from scipy import sparse

from splatseg.votes.votes import Votes, visible_under_masks

SAME = 0.5
"""Least IoU at which two masks, or a mask and a group, show the same thing."""

IN_COMMON = 0.1
"""Share of a mask that the other view must see before the two are compared."""

MERGED = 0.6
"""Least IoU in space at which two groups become one."""

RELATED = 0.2
"""Least share of the smaller of two groups inside the larger at which they are a thing and its part, not two things."""

JOINED = 0.25
"""Least share of views that show two groups in one mask, not in two, at which they are related: masks do not agree
that they are two things."""

CLEARLY_SEEN = 0.2
"""A view shows a group if it sees more than this share of what the view with the best sight of it sees."""

SHARPNESS = 3.0
"""Power with which the standing of a group falls as its presence falls below the best."""

FEWEST_MASKS = 3
"""Masks that a group has at least, if there are as many views."""

MOST_GROUPS = 512
"""Groups that are kept at most, those of the highest standing."""

MOST_GAUSSIANS = 200_000
"""Gaussians that are compared; of more, this many are drawn."""

REGROUPINGS = 2
"""Times that groups merge and grow."""

CO_VISIBLE = 0.05
"""A view sees a Gaussian if it sees more than this share of what the view with the best sight of it sees."""

BLOCK = 1024
"""Masks, or sixteenths of Gaussians, that are processed together; bounds the memory."""


@dataclass(frozen=True, eq=False)
class Consensus:
    """Groups of masks."""

    group_of: np.ndarray
    """(M,) int64, the group of each mask, -1 = none."""
    agreement: np.ndarray
    """(M,) float32 in 0..1, similarity of each mask to its group, 0 without one."""
    standing: np.ndarray
    """(G,) float32 in 0..1."""
    related: np.ndarray
    """(G,G) bool, groups that the loss does not separate; a group is related to itself."""

    @property
    def groups(self) -> int:
        """Number of groups, G."""
        return len(self.standing)


def find_consensus(votes: Votes, seed: int = 0) -> Consensus:
    """Group the masks of all views. If no two masks agree, there is no group."""
    votes = _thinned(votes, seed)
    view_of = votes.witness_of.astype(np.int64)
    visible = visible_under_masks(votes)
    group_of = _grown_from_seeds(_same(votes.weights, visible, view_of), view_of)
    for _ in range(REGROUPINGS):
        sets = _sets(votes.weights, visible, group_of, view_of)
        group_of = _merged(group_of, _shared(sets, votes.seen, union=True))
        sets = _sets(votes.weights, visible, group_of, view_of)
        group_of = _reassigned(_overlaps(sets, votes.weights, visible, view_of), view_of)
    sets = _sets(votes.weights, visible, group_of, view_of)
    if sets.shape[0] == 0:
        return Consensus(group_of, np.zeros(len(view_of), np.float32), np.zeros(0, np.float32), np.zeros((0, 0), bool))
    overlaps = _overlaps(sets, votes.weights, visible, view_of)
    related = _shared(sets, votes.seen, union=False) >= RELATED
    np.fill_diagonal(related, True)
    related |= _joined(sets, votes.weights, visible, view_of) >= JOINED
    presence = _presence(sets, visible, group_of, view_of)
    best = np.where(related, presence[None], 0.0).max(axis=1)
    standing = (presence / np.maximum(best, 1e-6)) ** SHARPNESS
    return _strongest(group_of, overlaps, standing.astype(np.float32), related)


def _thinned(votes: Votes, seed: int) -> Votes:
    """Return the votes on Gaussians that any mask sees, or on a sample of MOST_GAUSSIANS of them."""
    rows = np.flatnonzero(np.diff(votes.weights.indptr))
    if len(rows) > MOST_GAUSSIANS:
        rows = np.sort(np.random.default_rng(seed).choice(rows, MOST_GAUSSIANS, replace=False))
    weights = sparse.csr_array(votes.weights[rows])
    return replace(votes, weights=weights, seen=votes.seen[rows])


def _same(weights: sparse.csr_array, visible: sparse.csr_array, view_of: np.ndarray) -> sparse.csr_array:
    """Return (M,M) IoU of masks of different views on what both views see, symmetric, entries below SAME dropped."""
    rows = np.repeat(np.arange(weights.shape[0]), np.diff(weights.indptr))
    own_view = np.asarray(visible[rows, view_of[weights.indices]]).ravel()
    inside = weights.data > 0.5 * own_view
    # (M,N) one-hot, the Gaussians of each mask.
    members = _indicator(weights.indices[inside], rows[inside], (weights.shape[1], weights.shape[0]))
    best = visible.max(axis=1).toarray().ravel()
    # (N,V) one-hot, the views that see a Gaussian: the IoU counts only pixels of Gaussians that both views see.
    both = visible.copy()
    both.data = (visible.data > CO_VISIBLE * np.repeat(best, np.diff(visible.indptr))).astype(np.float32)
    in_view = sparse.csr_array(weights.T @ both).toarray()  # (M,V) pixels of mask k on what view v sees
    found = []
    for start in range(0, weights.shape[1], BLOCK):
        sets = members[start : start + BLOCK]
        seen = (sets @ visible).toarray()
        overlap = sparse.coo_array(sets @ weights)
        m, k = overlap.coords
        union = in_view[k, view_of[start + m]] + seen[m, view_of[k]] - overlap.data
        iou = np.minimum(overlap.data / np.maximum(union, 1e-6), 1.0)
        # Half of SAME is enough here: only the mean of both directions must reach SAME.
        kept = (iou >= 0.5 * SAME) & (view_of[start + m] != view_of[k])
        # Two views that have next to nothing in common cannot agree on it.
        kept &= seen[m, view_of[k]] >= IN_COMMON * seen[m, view_of[start + m]]
        kept &= in_view[k, view_of[start + m]] >= IN_COMMON * in_view[k, view_of[k]]
        found.append(sparse.csr_array((iou[kept], (m[kept], k[kept])), shape=overlap.shape))
    one_way = sparse.vstack(found, format="csr")
    both_ways = sparse.csr_array(0.5 * (one_way + one_way.T))
    both_ways.data[both_ways.data < SAME] = 0.0
    both_ways.eliminate_zeros()
    return both_ways


def _grown_from_seeds(same: sparse.csr_array, view_of: np.ndarray) -> np.ndarray:
    """Return the group (M,) of every mask, -1 = none.

    Greedy: the mask that most others agree with takes all free masks that agree with it, then the next one does.
    """
    degree = np.asarray(same.sum(axis=1)).ravel()
    group_of = np.full(same.shape[0], -1, np.int64)
    count = 0
    for mask in np.argsort(-degree, kind="stable"):
        others = same.indices[same.indptr[mask] : same.indptr[mask + 1]]
        free = others[group_of[others] < 0]
        if group_of[mask] < 0 and (len(free) or degree[mask] == 0):
            group_of[free] = count
            group_of[mask] = count
            count += 1
    return _without_small(group_of, view_of)


def _sets(
    weights: sparse.csr_array, visible: sparse.csr_array, group_of: np.ndarray, view_of: np.ndarray
) -> sparse.csr_array:
    """Return (G,N) one-hot: Gaussians that a group's masks see by more than half of what their views see of them."""
    count, views = int(group_of.max(initial=-1)) + 1, visible.shape[1]
    masks = np.flatnonzero(group_of >= 0)
    choose = _indicator(masks, group_of[masks], (weights.shape[1], count))
    look = _indicator(view_of[masks], group_of[masks], (views, count))
    look.data = np.ones_like(look.data)  # two masks of one view are one look
    blocks = []
    for start in range(0, weights.shape[0], 16 * BLOCK):
        rows = slice(start, start + 16 * BLOCK)
        inside = sparse.coo_array(weights[rows] @ choose)
        seen = visible[rows] @ look.toarray()
        kept = inside.data > 0.5 * seen[inside.coords]
        blocks.append(_indicator(inside.coords[0][kept], inside.coords[1][kept], inside.shape))
    return sparse.csr_array(sparse.vstack(blocks, format="csr").T)


def _shared(sets: sparse.csr_array, seen: np.ndarray, union: bool) -> np.ndarray:
    """Return (G,G): the part two sets share, weighted by `seen`, divided by their union or by the smaller set."""
    weighted = sets * seen.astype(np.float32)
    inside = (weighted @ sets.T).toarray()
    size = inside.diagonal()
    # The diagonal holds what each set shares with itself: its size.
    of = size[:, None] + size[None] - inside if union else np.minimum(size[:, None], size[None])
    return np.asarray(inside / np.maximum(of, 1e-6))


def _merged(group_of: np.ndarray, shared: np.ndarray) -> np.ndarray:
    """Join every group into the first group (of most agreement) that shares enough with it."""
    into = np.arange(len(shared))
    for group in range(len(shared)):
        if into[group] == group:
            joining = np.flatnonzero((shared[group] >= MERGED) & (into == np.arange(len(shared))))
            into[joining[joining > group]] = group
    return _closed_up(np.where(group_of >= 0, into[group_of], -1) if len(into) else group_of)


def _overlaps(
    sets: sparse.csr_array, weights: sparse.csr_array, visible: sparse.csr_array, view_of: np.ndarray
) -> np.ndarray:
    """Return (G,M) IoU of every group with every mask."""
    inside, seen = (sets @ weights).toarray(), (sets @ visible).toarray()
    total = np.asarray(weights.sum(axis=0), dtype=np.float32).ravel()
    return np.asarray(inside / np.maximum(total[None] + seen[:, view_of] - inside, 1e-6))


def _joined(
    sets: sparse.csr_array, weights: sparse.csr_array, visible: sparse.csr_array, view_of: np.ndarray
) -> np.ndarray:
    """Return (G,G): of the views that show both groups in masks, the share with both in one mask and never apart."""
    inside, seen = (sets @ weights).toarray(), (sets @ visible).toarray()
    clear = seen > CLEARLY_SEEN * seen.max(axis=1, keepdims=True)
    share = inside / np.maximum(seen[:, view_of], 1e-6)
    together = np.zeros((len(seen), len(seen)), np.float32)
    shown = np.zeros_like(together)
    for view in range(seen.shape[1]):
        # (G, masks of the view): groups of which a mask holds more than half. `both`: pairs in one mask.
        holds = ((share[:, view_of == view] > 0.5) & clear[:, view, None]).astype(np.float32)
        both = holds @ holds.T > 0
        # A pair is apart if some mask holds one of them and not the other, although the view shows the other too.
        other = clear[:, view].astype(np.float32)
        apart = (holds @ (1.0 - holds).T) * other[None] > 0
        apart |= apart.T
        together += both & ~apart
        shown += both | apart
    return np.asarray(together / np.maximum(shown, 1.0))


def _presence(
    sets: sparse.csr_array, visible: sparse.csr_array, group_of: np.ndarray, view_of: np.ndarray
) -> np.ndarray:
    """Return (G,): of the views that show a group, the share that has a mask of it."""
    seen = (sets @ visible).toarray()
    clear = seen > CLEARLY_SEEN * seen.max(axis=1, keepdims=True)
    masked = np.zeros_like(clear)
    masked[group_of[group_of >= 0], view_of[group_of >= 0]] = True
    return np.asarray((masked & clear).sum(axis=1) / np.maximum(clear.sum(axis=1), 1))


def _reassigned(overlaps: np.ndarray, view_of: np.ndarray) -> np.ndarray:
    """Return the group (M,) that every mask overlaps best, -1 if its overlap is below SAME."""
    if len(overlaps) == 0:
        return np.full(overlaps.shape[1], -1, np.int64)
    best = overlaps.argmax(axis=0)
    return _without_small(np.where(overlaps.max(axis=0) >= SAME, best, -1), view_of)


def _strongest(group_of: np.ndarray, overlaps: np.ndarray, standing: np.ndarray, related: np.ndarray) -> Consensus:
    kept = np.sort(np.argsort(-standing, kind="stable")[:MOST_GROUPS])
    new = np.full(len(standing), -1, np.int64)
    new[kept] = np.arange(len(kept))
    own = np.where(group_of >= 0, overlaps[np.maximum(group_of, 0), np.arange(len(group_of))], 0.0)
    group_of = np.where(group_of >= 0, new[group_of], -1)
    agreement = np.where(group_of >= 0, own, 0.0).clip(0.0, 1.0).astype(np.float32)
    return Consensus(group_of, agreement, standing[kept], related[np.ix_(kept, kept)])


def _without_small(group_of: np.ndarray, view_of: np.ndarray) -> np.ndarray:
    count = np.bincount(group_of[group_of >= 0], minlength=1)
    fewest = min(FEWEST_MASKS, int(view_of.max(initial=0)) + 1)
    return _closed_up(np.where((group_of >= 0) & (count[group_of] >= fewest), group_of, -1))


def _closed_up(group_of: np.ndarray) -> np.ndarray:
    """Renumber groups 0, 1, ... without gaps."""
    present = np.unique(group_of[group_of >= 0])
    return np.where(group_of >= 0, np.searchsorted(present, group_of), -1)


def _indicator(rows: np.ndarray, columns: np.ndarray, shape: tuple[int, ...]) -> sparse.csr_array:
    return sparse.csr_array((np.ones(len(rows), np.float32), (rows, columns)), shape=shape)
