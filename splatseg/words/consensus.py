"""From words found in some photographs to objects in 3D: what several views agree on, or nothing.

The masks are lifted as any other masks; every set of the hierarchy and every segment is asked how well it is what the
views found:

    support(S) = sum_v seen_v(S) max_{m in v} IoU(m, S in v) / sum_v seen_v(S)                          in 0..1

A view that sees S and found nothing there counts against it. So one wrong box does not matter, a thing found in most
of its views is found, and words that are found here and there on different things are refused. Several sets apart from
each other may pass: three mugs are three objects.

Alphabet: N Gaussians; V views looked at; M masks found in them; K candidate sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from splatseg.capture.capture import View
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.lift.agreement import Agreement
from splatseg.lift.votes import Votes, collect_votes
from splatseg.masks.segments import Segments, from_masks
from splatseg.splats.splats import Splats

FOUND = 0.3
"""Support from which a set counts as found: seen well in half the views, or fairly in most."""

APART = 0.2
"""Sets that share less than this part of the smaller one are different objects."""


@dataclass(frozen=True, eq=False)
class Objects:
    """members: one (N,) bool an object, the best supported first; supports: theirs. Empty if nothing is found."""

    members: tuple[np.ndarray, ...]
    supports: tuple[float, ...]
    best: float
    """Support of the best set, found or not."""


@dataclass(frozen=True, eq=False)
class FoundMasks:
    """Masks (M,H,W) bool by the name of the view they were found in, and after them all that is none of them."""

    masks: Mapping[str, np.ndarray]

    def read(self, view: View) -> Segments | None:
        """See `lift.votes.MaskSource`. Empty masks are left out; the last segment is the rest of the picture."""
        found = self.masks.get(view.name)
        if found is None:
            return None
        rest = np.logical_not(found.any(axis=0, keepdims=True))
        return from_masks(np.concatenate([found[found.any(axis=(1, 2))], rest]))


def agreed_objects(
    splats: Splats,
    views: Sequence[View],
    masks: Mapping[str, np.ndarray],
    hierarchy: Hierarchy | None = None,
    found: float = FOUND,
) -> Objects:
    """The objects that masks (M,H,W) bool, by view name, agree on. A view in which nothing was found has M = 0.

    Candidates are the nodes of the hierarchy and the segments of the splat. found: support from which one counts.
    """
    if not any(len(one) for one in masks.values()):
        return Objects((), (), 0.0)
    votes = collect_votes(splats, views, FoundMasks(masks))
    agreement = Agreement(votes)
    rest = _rest(votes)
    sets: list[tuple[float, np.ndarray]] = []
    best = 0.0
    for ids, nodes in _partitions(splats, hierarchy):
        supports = _supports(agreement, votes, rest, ids, nodes)
        best = max(best, float(supports.max(initial=0.0)))
        sets += [(float(supports[k]), _members(ids, nodes, k)) for k in np.flatnonzero(supports >= found).tolist()]
    chosen: list[tuple[float, np.ndarray]] = []
    for support, members in sorted(sets, key=lambda pair: -pair[0]):
        if all((members & other).sum() < APART * min(members.sum(), other.sum()) for _, other in chosen):
            chosen.append((support, members))
    return Objects(tuple(members for _, members in chosen), tuple(support for support, _ in chosen), best)


def _rest(votes: Votes) -> np.ndarray:
    """(M,) bool: the last mask of every view, all that is none of the others."""
    last = np.full(len(votes.views), 0, dtype=np.int32)
    np.maximum.at(last, votes.view_of, votes.id_of)
    rest: np.ndarray = votes.id_of == last[votes.view_of]
    return rest


def _partitions(splats: Splats, hierarchy: Hierarchy | None) -> list[tuple[np.ndarray, np.ndarray]]:
    """Pairs of disjoint sets, as ids (N,) from 1 on, and the pairs (R,2) that are merged to further ones."""
    none = np.zeros((0, 2), dtype=np.int32)
    pairs = [] if hierarchy is None else [(hierarchy.atoms, hierarchy.merges)]
    if splats.segment_ids is not None:
        ids = splats.segment_ids.numpy()
        there = np.unique(ids[ids > 0])
        pairs.append((np.where(ids > 0, np.searchsorted(there, ids) + 1, 0).astype(np.int32), none))
    return pairs


def _supports(agreement: Agreement, votes: Votes, rest: np.ndarray, ids: np.ndarray, merges: np.ndarray) -> np.ndarray:
    """(K,) support of the sets 1.. of a partition and of what is merged from them; [0] is set 1."""
    count = int(ids.max(initial=0))
    inside, seen = (
        np.concatenate([tally, np.zeros((len(merges), tally.shape[1]), tally.dtype)])
        for tally in agreement.tallies_of(ids.astype(np.int32) - 1, count)
    )
    for merge, (left, right) in enumerate(merges.tolist()):
        inside[count + merge] = inside[left - 1] + inside[right - 1]
        seen[count + merge] = seen[left - 1] + seen[right - 1]
    view_of = np.unique(votes.view_of, return_inverse=True)[1]
    first = np.searchsorted(view_of, np.arange(seen.shape[1]))
    supports = np.zeros(len(inside))
    for k in range(len(inside)):
        overlap = np.where(rest, 0.0, agreement.overlaps(inside[k], seen[k]))
        total = float(seen[k].sum())
        supports[k] = float((seen[k] * np.maximum.reduceat(overlap, first)).sum()) / total if total > 0 else 0.0
    return supports


def _members(ids: np.ndarray, merges: np.ndarray, k: int) -> np.ndarray:
    """(N,) bool: set k + 1 of a partition or of what is merged from it."""
    count = int(ids.max(initial=0))
    wanted, stack = np.zeros(count + 1, dtype=bool), [k + 1]
    while stack:
        node = stack.pop()
        if node <= count:
            wanted[node] = True
        else:
            stack += merges[node - count - 1].tolist()
    members: np.ndarray = wanted[ids]
    return members
