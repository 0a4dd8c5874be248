"""Agreement of the input masks of each view with the segments of the run, which all views determine together.

    overlap(k, v) = max over masks m of view v of IoU(pixels of segment k in v, m)
    trust(k)      = mean over the views that show k of overlap(k, v)
    agreement(v)  = sum_k trust(k) overlap(k, v) / sum_k trust(k)             over the segments k that v shows
    expected(v)   = the same with the mean of overlap(k, u) over the other views u in place of overlap(k, v)

So a segment that the masks of all views doubt hardly counts for any view, and a view is judged by the overlaps that its
segments have elsewhere: it falls short by expected - agreement, in -1..1. Neither ground truth nor votes are needed:
label maps of the run are compared with the masks, pixel by pixel. A view shows a segment if at least LEAST_OF_VIEW of
its pixels belong to it.

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
"""Problem of a segment in a view, see above."""

LEAST_OF_VIEW = 1e-3
"""Least share of a view's pixels that a shown segment has: on edges of a few pixels masks cannot agree."""

GOOD_OVERLAP = 0.5
"""A mask with a smaller overlap does not match the segment."""


@dataclass(frozen=True)
class SegmentInView:
    """One segment in one view."""

    id: int
    """Segment id."""
    pixels: int
    """Its pixels in the view."""
    overlap: float
    """IoU of the mask that fits it best."""
    problem: Problem | None = None
    """The problem if no mask fits it; else None."""


@dataclass(frozen=True)
class ViewMasks:
    """The masks of one view compared with the segments it shows."""

    view: str
    """Name of the view."""
    masks: int
    """Number of its masks."""
    segments: tuple[SegmentInView, ...]
    """The segments it shows."""


@dataclass(frozen=True)
class ViewAgreement:
    """Agreement of the masks of one view with the segments."""

    view: str
    """Name of the view."""
    masks: int
    """Number of its masks."""
    agreement: float
    """In 0..1, as above."""
    expected: float
    """In 0..1, as above."""
    segments: tuple[SegmentInView, ...]
    """The segments it shows."""

    @property
    def shortfall(self) -> float:
        """Expected minus actual agreement, in -1..1: how much better masks of other views fit the same segments."""
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
    """Return the masks of a view as one label map (H,W) int32, and the segment that each mask mostly lies in.

    Of masks over one another, the one on top is the one that fits some segment of the label map (H,W) best. A mask lies
    in a segment if half of it or more does; a mask that lies in no segment has 0.
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
    """Pixels shared by K segments and M masks; column 0 is empty, since it stands for pixels outside all masks."""

    ids: np.ndarray
    """(K,), segment ids."""
    pixels: np.ndarray
    """(K,), pixels of each segment."""
    inside: np.ndarray
    """(K,M+1), pixels that segment and mask share."""
    covered: np.ndarray
    """(K,), pixels of each segment under any mask."""
    areas: np.ndarray
    """(M+1,), pixels of each mask."""

    def overlaps(self) -> np.ndarray:
        """Return the IoU (K,M+1) of every segment with every mask."""
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
        # A pair of segment and mask is one number in base `width`.
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
    """Return the agreement of every view that shows a segment which another view shows too, in the given order."""
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
