"""Selection by one click: the object seen at a pixel, in all views and in 3D.

The query is the feature blended at the pixel and at pixels around it that look alike. Its threshold comes from the
data: as the threshold falls, the selection grows through the part, the object, the group; a long range of thresholds
over which it hardly grows marks an object's boundary (persistence). If the splat has automatic segments and the one
under the click agrees with that, its boundary is taken instead, because it was found from the whole scene. Segments
that were found with the votes of all views (`voted`) are what most views show as one thing, and are taken as they are.

Alphabet: N Gaussians, F features, P pixels around the click, T thresholds.
"""

from __future__ import annotations

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError
from splatseg.select.match import Match, nonempty
from splatseg.select.session import Session, session_of
from splatseg.select.threshold import areas_of, best_threshold, iou, render_members, render_thresholds
from splatseg.splats.splats import Splats

THRESHOLDS = (1.0 - np.geomspace(0.8, 0.004, 40)).astype(np.float32)
"""Similarities that are tried, rising. Features of one thing differ by hundredths, those of neighbours by tenths:
distances to 1 are spread by ratio."""

GROWTH = 1.15
"""A selection that grows by less than this factor over a range of thresholds is stable there."""

AGREEMENT = 0.8
"""Least IoU in the view at which the segment under the click is preferred to the threshold found."""


def select_by_click(
    splats: Splats | Session,
    camera: Camera,
    pixel: tuple[float, float],
    threshold: float | None = None,
    voted: bool = False,
) -> Match:
    """Select the object at pixel (x, y) of the image of `camera`, tidied. A `Session` makes many clicks cheap.

    threshold: least similarity; None chooses it from the data. voted: the splat's segments come from the votes of all
    views, so the segment under the click is the selection. On a splat without features it always is, and must exist.

    Raises PromptError for a click outside the image or on nothing, a splat without features and segments, an empty
    selection.
    """
    session = session_of(splats)
    seen = session.look(camera, pixel)
    segment = session.segment_at(seen) if threshold is None else None
    if segment is not None and (voted or session.splats.features is None):
        return Match.of(segment)
    column, row = seen.pixel
    if session.splats.features is None and session.splats.segment_ids is not None:
        raise PromptError(
            f"no segment is seen at the click ({column}, {row}), and without features nothing else can be selected; "
            "click on a segment"
        )
    scores = session.features @ seen.feature
    if threshold is not None:
        return session.tidy(nonempty(Match(scores, threshold, scores >= threshold), "the click"))
    plan = session.plan(camera)
    shown = render_thresholds(plan, scores, THRESHOLDS)
    chosen = most_stable(areas_of(shown, len(THRESHOLDS)), int(shown[row, column]))
    threshold = float(THRESHOLDS[chosen])
    if segment is not None:
        target = render_members(plan, segment[None])
        if float(iou(target, shown > chosen)[0]) >= AGREEMENT and target[0, row, column]:
            threshold, _ = best_threshold(plan, scores, segment.astype(np.float32), target[0])
    return session.tidy(nonempty(Match(scores, threshold, scores >= threshold), "the click"))


def most_stable(areas: np.ndarray, held: int) -> int:
    """Return the index in the middle of the longest range of nearly equal areas (T,), of masks at rising thresholds.

    Only the first `held` masks count, those that contain the click; if none does, the largest mask is taken, even an
    empty one.
    """
    best, best_length = 0, -1
    for first in range(held):
        last = first
        while last + 1 < held and areas[first] <= GROWTH * areas[last + 1]:
            last += 1
        if last - first > best_length:
            best, best_length = (first + last) // 2, last - first
    return best
