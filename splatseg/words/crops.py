"""Pictures of a segment for encoders: crops of the photographs that show most of it.

For each segment the views are taken that show it largest, each in two crops: among its surroundings, and with
everything else greyed, so that neither the surroundings nor a cut-out edge alone decide. A view in which the edge of
the image cuts the segment off counts less, because half a thing is a bad picture of it.

Alphabet: photographs (H,W,3) uint8; label maps (H,W) int, 0 = none; K views a segment.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from splatseg.arrays import check_shapes

VIEWS = 4
"""Views per segment: more cost time and are worse pictures."""

MARGIN = 1.2
"""Side of a crop, as a multiple of the longer side of the segment's box."""

GREY = 127
"""Grey level of everything but the segment: neither light nor dark."""

LEAST_PIXELS = 64
"""A segment without a view that shows at least this number of its pixels has no picture."""

CUT_OFF = 0.5
"""Factor of the pixels in a view whose edge cuts the segment off."""


@dataclass(frozen=True, eq=False)
class Crop:
    """One picture of a segment."""

    pixels: float
    """Pixels of the segment in the view, times CUT_OFF if the edge cuts it off."""
    plain: np.ndarray
    """(h,w,3) uint8, the crop of the photograph."""
    alone: np.ndarray
    """(h,w,3) uint8, the same with everything but the segment greyed."""


def best_crops(
    views: Iterable[tuple[np.ndarray, np.ndarray]], ids: Iterable[int] | None = None, count: int = VIEWS
) -> Mapping[int, list[Crop]]:
    """Return the `count` best crops of every segment, the best first.

    views: pairs of a photograph and its label map, read once. ids: the wanted segments, None for all. Segments that no
    view shows with LEAST_PIXELS pixels are not in the result.
    """
    wanted = None if ids is None else set(ids)
    best: dict[int, list[Crop]] = {}
    for photograph, labels in views:
        check_shapes(photograph=(photograph, "H W 3"), labels=(labels, "H W"))
        unique, counts = np.unique(labels, return_counts=True)
        for segment_id, pixels in zip(unique.tolist(), counts.tolist(), strict=True):
            if segment_id == 0 or pixels < LEAST_PIXELS or (wanted is not None and segment_id not in wanted):
                continue
            kept = best.setdefault(segment_id, [])
            mask = labels == segment_id
            worth = pixels * (CUT_OFF if _cut_off(mask) else 1.0)
            if len(kept) < count or worth > kept[-1].pixels:
                kept.append(_crop(photograph, mask, worth))
                kept.sort(key=lambda crop: -crop.pixels)
                del kept[count:]
    return best


def _cut_off(mask: np.ndarray) -> bool:
    return bool(mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any())


def _crop(photograph: np.ndarray, mask: np.ndarray, worth: float) -> Crop:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    extent = MARGIN * max(rows[-1] + 1 - rows[0], columns[-1] + 1 - columns[0])
    top, bottom = _span(rows, extent, mask.shape[0])
    left, right = _span(columns, extent, mask.shape[1])
    plain = photograph[top:bottom, left:right]
    alone = np.where(mask[top:bottom, left:right, None], plain, np.uint8(GREY))
    return Crop(worth, plain.copy(), alone)


def _span(found: np.ndarray, extent: float, length: int) -> tuple[int, int]:
    """Return the first pixel and the one after the last of `extent` pixels around `found`, clipped to the image."""
    centre = (found[0] + found[-1] + 1) / 2
    return max(round(centre - extent / 2), 0), min(round(centre + extent / 2), length)
