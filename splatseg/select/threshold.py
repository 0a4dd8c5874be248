"""Choosing the threshold of a selection by rendering it, in the view of the prompt.

Alphabet: N Gaussians; T thresholds; H x W pixels; scores (N,). A rendered selection is the blended 0/1 channel of its
members, cut at MASK_THRESHOLD, as for masks in files.
"""

from __future__ import annotations

import numpy as np
import torch

from splatseg.raster.interface import Plan, rasterize_levels, rasterize_plan
from splatseg.render.label_maps import MASK_THRESHOLD

CHANNELS_A_PASS = 16
"""Sets of Gaussians that are rendered in one pass."""

PLATEAU = 0.005
"""Thresholds whose agreement is this close to the best are equally good in this view."""


def render_members(plan: Plan, members: np.ndarray, seen: np.ndarray | None = None) -> np.ndarray:
    """Render masks (T,H,W) bool of T sets of Gaussians, members (T,N) bool.

    A pixel is set if the members make up more than half of it, and it is one of `seen` (H,W) bool; None: all are.
    """
    masks = []
    for start in range(0, len(members), CHANNELS_A_PASS):
        channels = torch.from_numpy(members[start : start + CHANNELS_A_PASS]).float().T.contiguous()
        blended, _ = rasterize_plan(plan, channels)
        masks.append((blended > MASK_THRESHOLD).permute(2, 0, 1).numpy())
    rendered = np.concatenate(masks)
    return rendered if seen is None else rendered & seen


def render_thresholds(
    plan: Plan, scores: np.ndarray, thresholds: np.ndarray, seen: np.ndarray | None = None
) -> np.ndarray:
    """Return (H,W) uint8: at each pixel, the number of rising thresholds (T,) at which `scores >= threshold` shows.

    So the mask of threshold j is `result > j`. One pass over the image for all T <= 255 of them. Pixels that are not
    `seen` (H,W) bool are in no mask; None: all are.
    """
    levels = np.zeros(len(scores), dtype=np.uint8)
    above = np.flatnonzero(scores >= thresholds[0])
    levels[above] = np.searchsorted(thresholds, scores[above], side="right")
    shown: np.ndarray = rasterize_levels(plan, torch.from_numpy(levels), len(thresholds), MASK_THRESHOLD).numpy()
    return shown if seen is None else shown * seen


def areas_of(shown: np.ndarray, count: int) -> np.ndarray:
    """Return the area (T,) in pixels of the mask at each of `count` thresholds, from a map of `render_thresholds`."""
    # A pixel that shows at k thresholds is in the masks 0..k-1, so area j counts the pixels with more than j.
    at_most = np.cumsum(np.bincount(shown.ravel(), minlength=count + 1))
    counts: np.ndarray = at_most[-1] - at_most[:-1]
    return counts


def nested_iou(shown: np.ndarray, target: np.ndarray, count: int) -> np.ndarray:
    """Return the IoU (T,) with target (H,W) bool of the masks at `count` thresholds, by `render_thresholds`' map."""
    inter = areas_of(shown[target], count)
    union = areas_of(shown, count) + int(target.sum()) - inter
    return np.where(union > 0, inter / np.maximum(union, 1), 1.0)


def iou(masks: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Return the intersection over union (T,) of masks (T,H,W) bool with target (H,W) bool; 1 for two empty masks."""
    inter = (masks & target).sum((1, 2))
    union = (masks | target).sum((1, 2))
    return np.where(union > 0, inter / np.maximum(union, 1), 1.0)


def best_threshold(
    plan: Plan, scores: np.ndarray, weights: np.ndarray, mask: np.ndarray, seen: np.ndarray | None = None
) -> tuple[float, float]:
    """Return the threshold on scores (N,) whose selection agrees best with mask (H,W) in its own view, and its IoU.

    seen (H,W) bool: the pixels that count, and hold the mask; None: all.

    weights (N,): blending weight of each Gaussian in the mask. Candidates are spread over the scores, once coarsely and
    once finely around the best. Of the nearly best that stand together the middle one is taken: the prompt's view
    cannot distinguish them, and the middle is farthest from both mistakes.
    """
    candidates = _candidates(scores, weights)
    agreement = nested_iou(render_thresholds(plan, scores, candidates, seen), mask, len(candidates))
    best = int(agreement.argmax())
    low, high = candidates[max(best - 1, 0)], candidates[min(best + 1, len(candidates) - 1)]
    finer = np.linspace(low, high, CHANNELS_A_PASS + 2, dtype=np.float32)[1:-1]
    finer_agreement = nested_iou(render_thresholds(plan, scores, finer, seen), mask, len(finer))
    order = np.argsort(np.concatenate([candidates, finer]), kind="stable")
    return _middle_of_plateau(
        np.concatenate([candidates, finer])[order], np.concatenate([agreement, finer_agreement])[order]
    )


def _candidates(scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    # Half of them at quantiles of the scores that the prompt covers, half evenly between the extremes of all scores.
    covered = np.flatnonzero(weights > 0)
    order = covered[np.argsort(scores[covered], kind="stable")]
    share = np.cumsum(weights[order], dtype=np.float64)
    levels = np.linspace(0.01, 0.9, CHANNELS_A_PASS) * share[-1]
    quantiles = scores[order[np.minimum(np.searchsorted(share, levels), len(order) - 1)]]
    even = np.linspace(float(scores.min()), float(scores.max()), CHANNELS_A_PASS + 2)[1:-1]
    return np.unique(np.concatenate([quantiles, even]).astype(np.float32))


def _middle_of_plateau(thresholds: np.ndarray, agreement: np.ndarray) -> tuple[float, float]:
    best = int(agreement.argmax())
    good = agreement >= agreement[best] - PLATEAU
    first, last = best, best
    while first > 0 and good[first - 1]:
        first -= 1
    while last + 1 < len(good) and good[last + 1]:
        last += 1
    middle = 0.5 * (float(thresholds[first]) + float(thresholds[last]))
    return middle, float(agreement[best])
