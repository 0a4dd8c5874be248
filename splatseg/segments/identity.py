"""Stable ids: a segment that is mostly an earlier one of the run takes its id, and no id ever means two segments.

New segments are matched to earlier ones by the IoU of their Gaussians; the geometry is the same. Pairs are taken from
the highest IoU down, each segment and each id once. At equal IoU the segmentation comes first that agrees with the new
one in most Gaussians, so that a segmentation that returns has all its ids again; then the more recent one. A segment
that matches no old one (IoU above one half) gets a number that the run has not given yet.

Alphabet: N Gaussians; ids (N,), 0 = none; earlier: label arrays (N,) of the same Gaussians, the most recent first.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from splatseg.arrays import check_shapes

MOSTLY = 0.5
"""IoU above which a segment is an old one. Within one segmentation no segment can then match two."""


def matched_ids(ids: np.ndarray, earlier: Sequence[np.ndarray]) -> dict[int, int]:
    """Return the old id of each new segment that is mostly an old one, by new id; one to one."""
    found = []
    for age, old in enumerate(earlier):
        check_shapes(ids=(ids, "N"), old=(old, "N"))
        alike = [overlap for overlap in _overlaps(ids, old) if overlap[2] > MOSTLY]
        agreeing = sum(common for _, _, _, common in alike)
        found += [(-iou, -agreeing, age, old_id, new_id) for new_id, old_id, iou, _ in alike]
    matches: dict[int, int] = {}
    given: set[int] = set()
    for _, _, _, old_id, new_id in sorted(found):
        if new_id not in matches and old_id not in given:
            matches[new_id] = old_id
            given.add(old_id)
    return matches


def carried_over(ids: np.ndarray, earlier: Sequence[np.ndarray], highest: int, limit: int) -> np.ndarray:
    """Return the final id (M+1,) int32 of each of the new ids 0..M; 0 stays 0.

    highest: the highest id ever given. Segments without a match are numbered from there on, in the order of `ids`;
    beyond `limit` they take the lowest numbers that no earlier segment has.
    """
    matches = matched_ids(ids, earlier)
    numbers = _unused(earlier, highest, limit)
    carried = np.zeros(int(ids.max(initial=0)) + 1, dtype=np.int32)
    for new_id in np.unique(ids[ids > 0]).tolist():
        carried[new_id] = matches[new_id] if new_id in matches else next(numbers)
    return carried


def _overlaps(ids: np.ndarray, old: np.ndarray) -> Iterator[tuple[int, int, float, int]]:
    """Yield (new id, old id, IoU, Gaussians in common) of all pairs that share a Gaussian."""
    new_sizes, old_sizes = np.bincount(ids), np.bincount(old)
    both = (ids > 0) & (old > 0)
    # A pair of ids as one number, new * width + old: one `unique` counts all pairs.
    width = len(old_sizes)
    pairs, shared = np.unique(ids[both].astype(np.int64) * width + old[both], return_counts=True)
    for pair, common in zip(pairs.tolist(), shared.tolist(), strict=True):
        new_id, old_id = divmod(pair, width)
        either = int(new_sizes[new_id]) + int(old_sizes[old_id]) - common
        yield new_id, old_id, common / either, common


def _unused(earlier: Sequence[np.ndarray], highest: int, limit: int) -> Iterator[int]:
    """Return new ids: above `highest` up to `limit`, then numbers no earlier segment has, then above `limit`."""
    taken = {int(value) for old in earlier for value in np.unique(old)}
    given_up = (number for number in range(1, min(highest, limit) + 1) if number not in taken)
    return itertools.chain(range(highest + 1, limit + 1), given_up, itertools.count(max(highest, limit) + 1))
