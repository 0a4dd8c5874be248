"""Selection by a box in one view: the object that fills the box and does not reach beyond it.

The features seen inside the box are grouped into a few looks, which are features that differ from one another. Each
look is rendered at each of some thresholds and compared with the box: its extent must be the box (IoU of rectangles),
its pixels must lie inside and fill it. The automatic segments seen in the box, if any, are compared in the same way.
The best candidate is taken, and others join it if that improves the agreement much: an object may have parts.

Alphabet: N Gaussians, F features, P pixels inside the box, T thresholds; a box is (x0, y0, x1, y1) in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import PromptError
from splatseg.raster.interface import Plan, rasterize_pixels
from splatseg.select.mask_prompt import inside_outside, made_of
from splatseg.select.match import Match, nonempty
from splatseg.select.prompt import Box
from splatseg.select.session import Session, session_of
from splatseg.select.threshold import render_members, render_thresholds
from splatseg.select.vote_correction import best_corrected
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement

THRESHOLDS = (1.0 - np.geomspace(0.7, 0.004, 32)).astype(np.float32)
"""Similarities at which a look is tried, rising: their distances to 1 are spread by ratio."""
MAX_PIXELS = 4096
"""Pixels of the box that are sampled for looks at most."""
MAX_LOOKS = 12
"""Looks, and segments, that are tried at most."""
DIFFERENT = 0.8
"""Highest similarity of two looks."""

SLACK = 0.2
"""Agreement by which a selection may be worse than the content of the box: pieces that fill a box are often more than
the thing in it."""

GAIN = 0.1
"""Least improvement of the agreement for a candidate to join."""

OUTLIERS = 0.005
"""Share of a mask's pixels on each side that its extent may leave out: floaters and stray pixels."""


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A look at its best threshold, or a segment."""

    margin: np.ndarray
    """(N,), similarity minus threshold."""
    mask: np.ndarray
    """(H,W) bool, its mask in the view."""
    agreement: float
    """Its agreement with the box, 0..1."""


def select_by_box(
    splats: Splats | Session,
    camera: Camera,
    box: Box,
    threshold: float | None = None,
    agreement: Agreement | None = None,
    hierarchy: Hierarchy | None = None,
    seen: np.ndarray | None = None,
) -> Match:
    """Select the object that fills `box` in the image of `camera`, tidied. Scores are similarity minus threshold.

    The box is clipped to the image. seen (H,W) bool: the pixels that count (`Prompt.seen`); None: all. threshold: least
    similarity; None chooses it by agreement with the box, and then `agreement`, the votes of all views on this splat,
    corrects the selection. If then the content of the box, the segments or atoms of `hierarchy` that lie mostly in it,
    agrees with the box much better, that is taken.

    Raises PromptError for a box without area or outside the image, a box that shows nothing, a splat with neither
    features nor segments, and an empty selection.
    """
    x0, y0, x1, y1 = clipped_box(box, camera)
    session = session_of(splats)
    splats = session.splats
    plan = session.plan(camera)
    # A splat with segments but no features can be boxed too; without either, `session.features` raises.
    alone = splats.features is None and splats.segment_ids is not None
    thresholds = THRESHOLDS if threshold is None else np.array([threshold], dtype=np.float32)
    candidates = []
    for look in [] if alone else _looks(plan, session.features, (x0, y0, x1, y1)):
        scores = session.features @ look
        masks = render_thresholds(plan, scores, thresholds, seen)[None] > np.arange(len(thresholds))[:, None, None]
        agreements = [box_agreement(mask, (x0, y0, x1, y1)) for mask in masks]
        best = int(np.argmax(agreements))
        candidates.append(_Candidate(scores - thresholds[best], masks[best], agreements[best]))
    if splats.segment_ids is not None and (threshold is None or alone):
        candidates += _segments(plan, splats.segment_ids.numpy(), (x0, y0, x1, y1), seen)
    if not candidates:
        raise PromptError(f"nothing with features is seen in the box ({x0}, {y0}, {x1}, {y1}); move it")
    margin = _joined(candidates, (x0, y0, x1, y1))
    selection = nonempty(Match(margin, 0.0, margin >= 0), "the box")
    if threshold is not None or agreement is None:
        return session.tidy(selection)

    def judge(members: np.ndarray) -> np.ndarray:
        return np.array([box_agreement(mask, (x0, y0, x1, y1)) for mask in render_members(plan, members, seen)])

    pieces = [_ids(splats), None if hierarchy is None else hierarchy.atoms]
    content = _content(plan, pieces, (x0, y0, x1, y1), seen)
    floor = max(judge(np.stack([one.members for one in content]))) - SLACK if content else 0.0
    return best_corrected([selection], splats, agreement, judge, floor, lambda match: content)[0]


def _content(
    plan: Plan, pieces: Sequence[np.ndarray | None], box: tuple[int, int, int, int], seen: np.ndarray | None
) -> list[Match]:
    """Return what lies mostly in the box, of every division into pieces (N,), 0 = none, if there is anything."""
    inside, outside = inside_outside(plan, _region(plan, box), seen)
    found = [made_of(ids, inside, outside) for ids in pieces if ids is not None]
    return [one for one in found if one.count]


def _region(plan: Plan, box: tuple[int, int, int, int]) -> np.ndarray:
    x0, y0, x1, y1 = box
    region = np.zeros((plan.camera.height, plan.camera.width), dtype=bool)
    region[y0:y1, x0:x1] = True
    return region


def _ids(splats: Splats) -> np.ndarray | None:
    return None if splats.segment_ids is None else np.maximum(splats.segment_ids.numpy(), 0)


def box_agreement(mask: np.ndarray, box: tuple[int, int, int, int]) -> float:
    """Return in 0..1 how well mask (H,W) bool fits the box.

    IoU of its extent with the box, times the share of it that is inside, times the root of the share of the box that it
    fills: a rim has the extent of the thing it is around.

    The box holds the pixels x0 <= x < x1, y0 <= y < y1. An empty mask has agreement 0.
    """
    total = int(mask.sum())
    if total == 0:
        return 0.0
    x0, y0, x1, y1 = box
    inside = int(mask[y0:y1, x0:x1].sum())
    return extent_iou(mask, box) * inside / total * float(np.sqrt(inside / ((x1 - x0) * (y1 - y0))))


def extent_iou(mask: np.ndarray, box: tuple[int, int, int, int]) -> float:
    """Return the IoU, 0..1, of a box and the extent of mask (H,W) bool, stray pixels left out; 0 for an empty mask."""
    if not mask.any():
        return 0.0
    x0, y0, x1, y1 = box
    left, right = _extent(mask.sum(0))
    top, bottom = _extent(mask.sum(1))
    inter = max(min(right, x1) - max(left, x0), 0) * max(min(bottom, y1) - max(top, y0), 0)
    return inter / ((right - left) * (bottom - top) + (x1 - x0) * (y1 - y0) - inter)


def _extent(counts: np.ndarray) -> tuple[int, int]:
    share = np.cumsum(counts) / counts.sum()
    return int(np.searchsorted(share, OUTLIERS)), int(np.searchsorted(share, 1.0 - OUTLIERS)) + 1


def _joined(candidates: list[_Candidate], box: tuple[int, int, int, int]) -> np.ndarray:
    ranked = sorted(candidates, key=lambda candidate: -candidate.agreement)
    margin, mask, agreement = ranked[0].margin, ranked[0].mask, ranked[0].agreement
    for other in ranked[1:]:
        together = mask | other.mask
        joined = box_agreement(together, box)
        if joined > agreement + GAIN:
            margin, mask, agreement = np.maximum(margin, other.margin), together, joined
    return margin


def _segments(plan: Plan, ids: np.ndarray, box: tuple[int, int, int, int], seen: np.ndarray | None) -> list[_Candidate]:
    """Return the segments that have most weight in the box, as candidates."""
    weights = np.bincount(ids, weights=inside_outside(plan, _region(plan, box), seen)[0])
    weights[0] = 0.0
    heaviest = np.argsort(-weights, kind="stable")[:MAX_LOOKS]
    chosen = heaviest[weights[heaviest] > 0.01 * weights.sum()]
    if len(chosen) == 0:
        return []
    members = ids[None] == chosen[:, None]
    masks = render_members(plan, members, seen)
    return [
        _Candidate(np.where(which, 0.5, -0.5).astype(np.float32), mask, box_agreement(mask, box))
        for which, mask in zip(members, masks, strict=True)
    ]


def _looks(plan: Plan, features: np.ndarray, box: tuple[int, int, int, int]) -> list[np.ndarray]:
    """Return unit features (F,) seen in the box that differ from one another, the most frequent first."""
    x0, y0, x1, y1 = box
    step = max(int(np.ceil(np.sqrt((x1 - x0) * (y1 - y0) / MAX_PIXELS))), 1)
    grid = np.stack(np.meshgrid(np.arange(x0, x1, step), np.arange(y0, y1, step)), axis=-1).reshape(-1, 2)
    with torch.no_grad():
        blended = rasterize_pixels(plan, torch.from_numpy(features), torch.from_numpy(grid).long()).numpy()
    lengths = np.linalg.norm(blended, axis=1)
    seen = blended[lengths > 0.1] / lengths[lengths > 0.1, None]
    looks: list[np.ndarray] = []
    while len(seen) and len(looks) < MAX_LOOKS:
        # The feature that most others resemble, judged on a sample; the mean of those is a look; they are removed.
        sample = seen[:: max(len(seen) // 256, 1)]
        centre = sample[int((sample @ seen.T > DIFFERENT).sum(1).argmax())]
        alike = seen @ centre > DIFFERENT
        mean = seen[alike].sum(0)
        looks.append(mean / np.linalg.norm(mean))
        seen = seen[~alike & (seen @ looks[-1] <= DIFFERENT)]
    return looks


def clipped_box(box: Box, camera: Camera) -> tuple[int, int, int, int]:
    """Return the pixels x0, y0, x1, y1 of a box in the image of a camera.

    Raises PromptError for a box without area or outside the image.
    """
    if not (box[0] < box[2] and box[1] < box[3]):
        raise PromptError(f"the box {tuple(box)} has no area; give x0,y0,x1,y1 with x0 < x1 and y0 < y1")
    x0, y0 = max(int(np.floor(box[0])), 0), max(int(np.floor(box[1])), 0)
    x1, y1 = min(int(np.ceil(box[2])), camera.width), min(int(np.ceil(box[3])), camera.height)
    if x0 >= x1 or y0 >= y1:
        raise PromptError(
            f"the box {tuple(box)} is outside the image of {camera.width}x{camera.height} pixels; "
            "give corners inside the image"
        )
    return x0, y0, x1, y1
