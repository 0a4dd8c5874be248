"""Masks and label maps of a splat from any camera: per-Gaussian membership and ids, blended into pixels.

Alphabet: N Gaussians, H x W pixels; w_i the blending weights of a pixel, sum_i w_i <= 1; segment ids 1, 2, …, 0 = none.
What is left of a pixel's light, 1 - sum_i w_i, counts as none. So a pixel belongs to a selection, or to a segment, by
what it is seen to be made of: the same weights that make its colour.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splatseg.capture.camera import Camera
from splatseg.errors import RunError
from splatseg.files import write_png
from splatseg.raster import Plan, accumulate, prepare, rasterize_plan
from splatseg.splats.render import render_channels
from splatseg.splats.splats import Splats

MASK_THRESHOLD = 0.5
"""A pixel is of the selection if more than this share of it is."""

CHANNELS_AT_ONCE = 16
"""Segments blended together; bounds the one-hot (N,C) matrix held in memory."""

HIGHEST_ID = 65535
"""What a 16-bit PNG can hold."""


@torch.no_grad()
def selection_mask(splats: Splats, camera: Camera, members: Tensor | np.ndarray) -> np.ndarray:
    """Where a selection is seen: (H,W) bool, for members (N,) bool.

    A pixel is set if the members' blending weights sum to more than MASK_THRESHOLD; what is hidden behind other
    Gaussians, and what is more transparent than that, is not.
    """
    return selection_weights(splats, camera, members) > MASK_THRESHOLD


@torch.no_grad()
def selection_weights(splats: Splats, camera: Camera, members: Tensor | np.ndarray) -> np.ndarray:
    """The share of each pixel that is made of the selection: (H,W) float32 in 0..1, for members (N,) bool."""
    chosen = torch.as_tensor(members)
    if chosen.shape != (len(splats),):
        raise ValueError(f"members must have shape ({len(splats)},), got {tuple(chosen.shape)}")
    return render_channels(splats, camera, chosen.to(splats.means)[:, None])[..., 0].cpu().numpy()


@torch.no_grad()
def label_map(splats: Splats, camera: Camera) -> np.ndarray:
    """The segment each pixel is mostly made of: (H,W) int32, 0 = none.

    The id with the largest sum of blending weights wins. None takes part with the weights of the Gaussians without a
    segment and with what light passes through, and wins a tie.

    Raises RunError if the splat has no segment ids.
    """
    if splats.segment_ids is None:
        raise RunError("the splat has no segments yet; make them with `splatseg segment RUN`")
    plan = prepare(splats.means, splats.quats, splats.scales, splats.opacities, camera)
    ids = splats.segment_ids.to(torch.int64)
    visible = _visible_ids(plan, ids)

    none = (ids == 0).to(splats.means)[:, None]
    blended, alphas = rasterize_plan(plan, none)
    best = 1.0 - alphas + blended[..., 0]
    labels = torch.zeros_like(best, dtype=torch.int32)
    undecided = 1.0 - best
    for chunk in visible.split(CHANNELS_AT_ONCE):
        # Segments come heaviest first, so soon no pixel has more weight left than its winner already has.
        if bool((undecided <= best).all()):
            break
        one_hot = (ids[:, None] == chunk[None]).to(splats.means)
        blended, _ = rasterize_plan(plan, one_hot)
        weight, which = blended.max(-1)
        better = weight > best
        labels = torch.where(better, chunk[which].to(torch.int32), labels)
        best = torch.where(better, weight, best)
        undecided = undecided - blended.sum(-1)
    return labels.cpu().numpy()


def write_mask(path: Path, mask: np.ndarray) -> None:
    """Write a mask (H,W) bool as an 8-bit PNG: 0 and 255."""
    write_png(path, np.where(mask, 255, 0).astype(np.uint8))


def write_label_map(path: Path, labels: np.ndarray) -> None:
    """Write a label map (H,W) as a 16-bit PNG. Raises RunError if an id does not fit."""
    highest = int(labels.max(initial=0))
    if highest > HIGHEST_ID:
        raise RunError(
            f"segment {highest} does not fit into {path}: a 16-bit label map holds ids up to {HIGHEST_ID}; "
            f"segment the run anew with fewer, larger segments"
        )
    if int(labels.min(initial=0)) < 0:
        raise ValueError("segment ids are 1, 2, …, and 0 = none")
    write_png(path, labels.astype(np.uint16))


def _visible_ids(plan: Plan, ids: Tensor) -> Tensor:
    """Ids (V,) of the segments that have any weight in the image, the heaviest first."""
    ones = torch.ones(plan.camera.height, plan.camera.width, 1)
    seen = accumulate(plan, ones)[:, 0].double()
    unique, inverse = torch.unique(ids, return_inverse=True)
    totals = torch.zeros(len(unique), dtype=torch.float64).index_add_(0, inverse, seen)
    order = torch.argsort(totals, descending=True, stable=True)
    return unique[order][(totals[order] > 0) & (unique[order] != 0)]
