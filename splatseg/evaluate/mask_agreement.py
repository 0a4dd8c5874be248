"""How far the input masks of each view agree with the segments of the run, which are what all views together say.

    overlap(k, v) = max over masks m of view v of IoU(pixels of segment k in v, m)
    trust(k)      = mean over the views that show k of overlap(k, v)
    agreement(v)  = sum_k trust(k) overlap(k, v) / sum_k trust(k)             over the segments k that v shows
    expected(v)   = the same with the mean of overlap(k, u) over the other views u in place of overlap(k, v)

So a segment that masks of all views doubt says little of any of them, and a view is judged by what the segments in it
get elsewhere: it falls short by expected - agreement, in -1..1. No ground truth is needed, nor votes: label maps of the
run are compared with the masks, pixel by pixel. A segment is shown by a view of which it has at least
LEAST_OF_VIEW of the pixels.

A segment whose best mask overlaps it by less than one half has a problem in that view:
* merged: one mask holds most of it, and much more;
* missing: most of it lies outside all masks;
* broken: most of it lies in masks, but no single one holds half.

Alphabet: V views; K segments in a view; M masks of a view; label maps (H,W), 0 = none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.masks.segments import Segments

Problem = Literal["merged", "missing", "broken"]

LEAST_OF_VIEW = 1e-3
"""Share of a view's pixels from which on a segment counts as shown: at edges of a few pixels masks cannot agree."""

GOOD_OVERLAP = 0.5
"""A mask that overlaps a segment less is not a mask of it."""


@dataclass(frozen=True)
class SegmentInView:
    """One segment in one view: its pixels, the IoU of the mask that fits it best, and what is wrong if none does."""

    id: int
    pixels: int
    overlap: float
    problem: Problem | None = None


@dataclass(frozen=True)
class ViewMasks:
    """The masks of one view against the segments it shows. masks: how many there are."""

    view: str
    masks: int
    segments: tuple[SegmentInView, ...]


@dataclass(frozen=True)
class ViewAgreement:
    """agreement, expected: as above, in 0..1; segments: those it shows, as in `ViewMasks`."""

    view: str
    masks: int
    agreement: float
    expected: float
    segments: tuple[SegmentInView, ...]

    @property
    def shortfall(self) -> float:
        """How much worse these masks fit than masks of other views fit the same segments."""
        return self.expected - self.agreement


def compare_masks(view: str, labels: np.ndarray, masks: Segments) -> ViewMasks:
    """Compare the label map (H,W) of a view, rendered from the run, with the view's masks of the same size."""
    table = _tabled(labels, masks)
    overlaps = table.overlaps()
    rows = []
    for row in np.flatnonzero((table.ids > 0) & (table.pixels >= LEAST_OF_VIEW * labels.size)):
        overlap, whole = float(overlaps[row].max()), int(table.pixels[row])
        problem = _problem(overlap, int(table.inside[row].max()) / whole, int(table.covered[row]) / whole)
        rows.append(SegmentInView(int(table.ids[row]), whole, overlap, problem))
    return ViewMasks(view, masks.count, tuple(rows))


def masks_by_fit(labels: np.ndarray, masks: Segments) -> tuple[np.ndarray, dict[int, int]]:
    """The masks of a view as one label map (H,W) int32, and the segment that each mask lies in with half or more of it.

    Where masks lie on one another, the one is seen that fits some segment of the label map (H,W) best. A mask that
    lies in no segment has 0.
    """
    table = _tabled(labels, masks)
    segments = table.ids > 0
    fit = table.overlaps()[segments].max(axis=0, initial=0.0)
    fit[0] = -1.0
    flat = masks.layers[0]
    for layer in masks.layers[1:]:
        flat = np.where(fit[layer] > fit[flat], layer, flat)
    inside, ids = table.inside[segments], table.ids[segments]
    if not len(ids):
        return flat, dict.fromkeys(range(1, masks.count + 1), 0)
    mostly = np.where(2 * inside.max(axis=0) >= table.areas, ids[inside.argmax(axis=0)], 0)
    return flat, {mask: int(mostly[mask]) for mask in range(1, masks.count + 1)}


@dataclass(frozen=True, eq=False)
class _Table:
    """inside (K,M+1) pixels that segment and mask share; ids, pixels, covered (K,): under any mask; areas (M+1,).

    Column 0 is empty: it is what lies outside all masks.
    """

    ids: np.ndarray
    pixels: np.ndarray
    inside: np.ndarray
    covered: np.ndarray
    areas: np.ndarray

    def overlaps(self) -> np.ndarray:
        """IoU (K,M+1) of every segment with every mask."""
        ious: np.ndarray = self.inside / np.maximum(self.areas[None] + self.pixels[:, None] - self.inside, 1)
        return ious


def _tabled(labels: np.ndarray, masks: Segments) -> _Table:
    check_shapes(labels=(labels, f"{masks.height} {masks.width}"))
    # Ids are small numbers: counting them is much faster than sorting all pixels, as np.unique does.
    pixels_of = np.bincount(labels.ravel())
    ids, row_of, width = np.flatnonzero(pixels_of), np.cumsum(pixels_of > 0) - 1, masks.count + 1
    place, pixels = row_of[labels.ravel()], pixels_of[ids]
    inside = np.zeros((len(ids), width), dtype=np.int64)
    covered = np.zeros(labels.size, dtype=bool)
    for layer in masks.layers:
        flat = layer.ravel()
        inside += np.bincount(place * width + flat, minlength=inside.size).reshape(inside.shape)
        covered |= flat > 0
    inside[:, 0] = 0
    areas = np.concatenate([[0], masks.areas()])
    return _Table(ids, pixels, inside, np.bincount(place[covered], minlength=len(ids)), areas)


def _problem(overlap: float, largest_share: float, covered_share: float) -> Problem | None:
    if overlap >= GOOD_OVERLAP:
        return None
    if largest_share >= 0.5:
        return "merged"
    return "missing" if covered_share < 0.5 else "broken"


def view_agreements(views: Sequence[ViewMasks]) -> tuple[ViewAgreement, ...]:
    """Every view that shows a segment which another view shows too, in the order given."""
    overlaps: dict[int, list[float]] = {}
    for view in views:
        for segment in view.segments:
            overlaps.setdefault(segment.id, []).append(segment.overlap)
    total = {key: sum(values) for key, values in overlaps.items()}
    found = []
    for view in views:
        shared = [segment for segment in view.segments if len(overlaps[segment.id]) > 1]
        trust = np.array([total[s.id] / len(overlaps[s.id]) for s in shared])
        if trust.sum() <= 0:
            continue
        here = np.array([s.overlap for s in shared])
        elsewhere = np.array([(total[s.id] - s.overlap) / (len(overlaps[s.id]) - 1) for s in shared])
        agreement, expected = (float(trust @ values / trust.sum()) for values in (here, elsewhere))
        found.append(ViewAgreement(view.view, view.masks, agreement, expected, view.segments))
    return tuple(found)
