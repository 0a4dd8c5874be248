"""From words found in some photographs to objects in 3D: objects that several views agree on, or none.

The masks found are lifted as any other masks; every node of the hierarchy and every segment gets a support, its
agreement with the masks of all views:

    support(S) = sum_v seen_v(S) max_{m in v} IoU(m, S in v) / sum_v seen_v(S)                          in 0..1

A view that sees S and found nothing there counts against it. So one wrong box does no harm, a thing found in most of
its views is found, and words that are found here and there on different things are refused. Several sets apart from
each other may pass: three mugs are three objects.

Alphabet: N Gaussians; V views looked at; M masks found in them; K candidate sets.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from splatseg.capture.view import View
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.masks.segments import Segments, from_masks
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes, collect_votes

FOUND = 0.3
"""Least support of an object: seen well in half the views, or fairly in most."""

APART = 0.2
"""Sets that share less than this part of the smaller one are different objects."""


@dataclass(frozen=True, eq=False)
class Objects:
    """Objects that the views agree on; empty if none is found."""

    members: tuple[np.ndarray, ...]
    """One (N,) bool per object, the best supported first."""
    supports: tuple[float, ...]
    """Supports of the objects."""
    best: float
    """Support of the best set, found or not."""


@dataclass(frozen=True, eq=False)
class FoundMasks:
    """Masks found in views, as a `MaskSource`."""

    masks: Mapping[str, np.ndarray]
    """Masks (M,H,W) bool by the name of their view."""

    def read(self, view: View) -> Segments | None:
        """Read the masks of a view, see `MaskSource.read`.

        Empty masks are left out; the last segment is the rest of the picture.
        """
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
    """Find the objects that masks (M,H,W) bool, by view name, agree on. A view in which nothing was found has M = 0.

    Candidates are the nodes of the hierarchy and the segments of the splat. found: least support of an object.
    """
    if not any(len(one) for one in masks.values()):
        return Objects((), (), 0.0)
    votes = collect_votes(splats, views, FoundMasks(masks))
    agreement = Agreement(votes)
    rest = _rest(votes)
    sets: list[tuple[float, np.ndarray]] = []
    best = 0.0
    for candidates in _candidates(splats, hierarchy):
        for node, support in enumerate(_supports(agreement, rest, candidates), start=1):
            best = max(best, support)
            if support >= found:
                sets.append((support, candidates.members(node)))
    chosen: list[tuple[float, np.ndarray]] = []
    for support, members in sorted(sets, key=lambda pair: -pair[0]):
        if all((members & other).sum() < APART * min(members.sum(), other.sum()) for _, other in chosen):
            chosen.append((support, members))
    return Objects(tuple(members for _, members in chosen), tuple(support for support, _ in chosen), best)


def _rest(votes: Votes) -> np.ndarray:
    """Return (M,) bool: the last mask of every view, which is the rest of the picture."""
    last = np.full(len(votes.views), 0, dtype=np.int32)
    np.maximum.at(last, votes.view_of, votes.id_of)
    rest: np.ndarray = votes.id_of == last[votes.view_of]
    return rest


def _candidates(splats: Splats, hierarchy: Hierarchy | None) -> list[Hierarchy]:
    """Return the hierarchy, and the segments as a hierarchy without merges; each only if there is one."""
    candidates = [] if hierarchy is None else [hierarchy]
    if splats.segment_ids is not None:
        ids = splats.segment_ids.numpy()
        there = np.unique(ids[ids > 0])
        atoms = np.where(ids > 0, np.searchsorted(there, ids) + 1, 0).astype(np.int32)
        candidates.append(Hierarchy(atoms, np.zeros((0, 2), dtype=np.int32), np.zeros(0, dtype=np.float32)))
    return candidates


def _supports(agreement: Agreement, rest: np.ndarray, candidates: Hierarchy) -> list[float]:
    """Return the support of nodes 1, 2, ..., by masks other than the rest (M,)."""
    # The rest of a picture is no mask: it has nothing of a set, so it overlaps nothing.
    tallies = [tally.without(rest) for tally in agreement.tallies_of(candidates.atoms - 1, candidates.count)]
    for left, right in (candidates.merges - 1).tolist():
        tallies.append(tallies[left] + tallies[right])
    return [agreement.support_of(tally) for tally in tallies]
