"""Selection by one click: the object seen at a pixel, in all views and in 3D.

The query is the feature blended at the pixel and at those around it that look alike. Its threshold comes from the data:
as the threshold falls, the selection grows through the part, the object, the group; where it hardly grows over a long
range of thresholds there is an object's boundary (persistence). If the splat has automatic segments and the one under
the click agrees with that, its boundary is taken instead: it was found with all of the scene in sight. Segments
that were found with the votes of all views (`voted`) are what most views show as one thing, and are taken as they are.

Alphabet: N Gaussians, F features, P pixels around the click, T thresholds.
"""

from __future__ import annotations

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError
from splatseg.raster.interface import Plan, contributors, rasterize_pixels
from splatseg.select.selection import Selection, nonempty
from splatseg.select.session import Session, session_of
from splatseg.select.threshold import areas_of, best_threshold, iou, render_members, render_thresholds
from splatseg.splats.splats import Splats

NEIGHBOURHOOD = 2
"""Pixels looked at on each side of the click."""

SAME_SURFACE = 0.9
"""Pixels and Gaussians this similar to the click refine the query."""

THRESHOLDS = (1.0 - np.geomspace(0.8, 0.004, 40)).astype(np.float32)
"""Features of one thing differ by hundredths, those of neighbours by tenths: distances are spread by their ratio."""

GROWTH = 1.15
"""A selection that grows by less than this factor over a range of thresholds is stable there."""

AGREEMENT = 0.8
"""IoU in the view from which the segment under the click is trusted over the threshold found."""


def select_by_click(
    splats: Splats | Session,
    camera: Camera,
    pixel: tuple[float, float],
    threshold: float | None = None,
    voted: bool = False,
) -> Selection:
    """Select the object at pixel (x, y) of the image of `camera`, tidied. A `Session` makes many clicks cheap.

    threshold None chooses it from the data. voted says that the splat's segments come from the votes of all views:
    then the one under the click is the answer. So it is, and needs to be there, on a splat without features.

    Raises PromptError for a click outside the image or on nothing, a splat with nothing to select by, an empty
    selection.
    """
    column, row = pixel_of(pixel, camera)
    session = session_of(splats)
    plan = session.plan(camera)
    segment = segment_at(plan, session.splats, (column, row)) if threshold is None else None
    if segment is not None and (voted or session.splats.features is None):
        return Selection(segment.astype(np.float32) - 0.5, 0.0, segment)
    if session.splats.features is None and session.splats.segment_ids is not None:
        raise PromptError(
            f"no segment is seen at the click ({column}, {row}), and without features nothing else can be selected; "
            "click on a segment"
        )
    scores = session.features @ _query(plan, session.features, (column, row))
    if threshold is not None:
        return session.tidy(nonempty(Selection(scores, threshold, scores >= threshold), "the click"))
    shown = render_thresholds(plan, scores, THRESHOLDS)
    chosen = most_stable(areas_of(shown, len(THRESHOLDS)), int(shown[row, column]))
    threshold = float(THRESHOLDS[chosen])
    if segment is not None:
        target = render_members(plan, segment[None])
        if float(iou(target, shown > chosen)[0]) >= AGREEMENT and target[0, row, column]:
            threshold, _ = best_threshold(plan, scores, segment.astype(np.float32), target[0])
    return session.tidy(nonempty(Selection(scores, threshold, scores >= threshold), "the click"))


def pixel_of(click: tuple[float, float], camera: Camera) -> tuple[int, int]:
    """The pixel (x, y) that a click lies in. Raises PromptError outside the image."""
    column, row = int(np.floor(click[0])), int(np.floor(click[1]))
    if not (0 <= column < camera.width and 0 <= row < camera.height):
        raise PromptError(
            f"the click ({click[0]:g}, {click[1]:g}) is outside the image of {camera.width}x{camera.height} pixels; "
            f"x runs from 0 to {camera.width - 1}, y from 0 to {camera.height - 1}"
        )
    return column, row


def click_query(session: Session, camera: Camera, click: tuple[float, float]) -> np.ndarray:
    """The unit feature (F,) seen at a click and around it. Raises PromptError for a click outside or on nothing."""
    return _query(session.plan(camera), session.features, pixel_of(click, camera))


def most_stable(areas: np.ndarray, held: int) -> int:
    """Of masks at rising thresholds, areas (T,), the index in the middle of the longest range of nearly equal areas.

    Only masks that hold the click count, the first `held`; if none does, the largest mask stands, even an empty one.
    """
    best, best_length = 0, -1
    for first in range(held):
        last = first
        while last + 1 < held and areas[first] <= GROWTH * areas[last + 1]:
            last += 1
        if last - first > best_length:
            best, best_length = (first + last) // 2, last - first
    return best


def _query(plan: Plan, features: np.ndarray, pixel: tuple[int, int]) -> np.ndarray:
    camera = plan.camera
    columns = np.arange(max(pixel[0] - NEIGHBOURHOOD, 0), min(pixel[0] + NEIGHBOURHOOD + 1, camera.width))
    rows = np.arange(max(pixel[1] - NEIGHBOURHOOD, 0), min(pixel[1] + NEIGHBOURHOOD + 1, camera.height))
    grid = np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)
    with torch.no_grad():
        blended = rasterize_pixels(plan, torch.from_numpy(features), torch.from_numpy(grid).long()).numpy()
    centre = blended[int(np.flatnonzero((grid == pixel).all(1))[0])]
    length = float(np.linalg.norm(centre))
    if length < 1e-6:
        raise PromptError(f"nothing with features is seen at the click ({pixel[0]}, {pixel[1]}); click on the object")
    lengths = np.maximum(np.linalg.norm(blended, axis=1), 1e-12)
    query = blended[blended @ centre >= SAME_SURFACE * lengths * length].sum(0)
    return query / float(np.linalg.norm(query))


def segment_at(plan: Plan, splats: Splats, pixel: tuple[int, int]) -> np.ndarray | None:
    """Members (N,) of the automatic segment that makes up most of the pixel; None without segments there."""
    if splats.segment_ids is None:
        return None
    ids = splats.segment_ids.numpy()
    found = contributors(plan, torch.tensor([pixel]))
    votes = np.bincount(np.maximum(ids[found.columns.numpy()], 0), weights=found.weights.numpy(), minlength=1)
    segment = int(votes.argmax())
    return ids == segment if segment > 0 and votes[segment] > 0 else None
