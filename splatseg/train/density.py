"""Addition and removal of Gaussians: pure functions from statistics to an edit, and from an edit to a new set.

Source: 3DGS, section 5 ("adaptive control of Gaussians"). Gaussians whose projected mean has a large gradient, averaged
over the views that draw them, represent their part of the scene badly: small ones are cloned, large ones split in two,
each child drawn from the parent's own distribution with scales divided by 1.6. Faint and very large ones are removed.

Alphabet: N Gaussians before, M after an edit; gradient (N,2) of the loss by the projected mean in pixels; radii (N,) in
pixels, 0 = not drawn; extent: size of the scene, see `train.settings`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.raster.interface import Growth
from splatseg.splats.activations import to_opacities
from splatseg.train.settings import TrainSettings

SPLIT_SHRINK = 1.6
"""Scales of the children of a split are the parent's divided by this [3DGS: 0.8 * 2]."""
OPACITY_AFTER_RESET = 0.01
"""Highest opacity after a reset [3DGS: 0.01]."""


@dataclass(frozen=True, eq=False)
class Statistics(Growth):
    """Gradients and views of each Gaussian since the last edit.

    gradient_sum (N,): sum of the gradient's norms in half-image units. views (N,): number of views that drew the
    Gaussian.
    """

    @classmethod
    def empty(cls, means: Tensor) -> Statistics:
        """Return the statistics of Gaussians at means (N,3) that no view has drawn yet."""
        return cls(means.new_zeros(len(means)), means.new_zeros(len(means)))

    def means(self) -> Tensor:
        """Return the mean norm of the gradient (N,), 0 for Gaussians that no view drew."""
        return self.gradient_sum / self.views.clamp(min=1.0)


@dataclass(frozen=True, eq=False)
class Edit:
    """Origin of each of M Gaussians in a set of N."""

    source: Tensor
    """(M,) int64: the Gaussian from which each descends."""
    fresh: Tensor
    """(M,) bool: the moments of the optimiser start at zero."""
    split: Tensor
    """(M,) bool: the Gaussian is the child of a split, to be displaced and shrunk."""

    def changes(self, count: int) -> bool:
        """Return False if a set of `count` Gaussians stays as it is."""
        kept_in_place = len(self.source) == count and torch.equal(
            self.source, torch.arange(count, device=self.source.device)
        )
        return bool(self.fresh.any()) or not kept_in_place


def plan_growth(parameters: dict[str, Tensor], means: Tensor, settings: TrainSettings, extent: float) -> Edit:
    """Clone and split where the mean gradient norm, `means` (N,), exceeds the threshold, up to the limit of number."""
    with torch.no_grad():
        largest = parameters["log_scales"].amax(1).exp()
        chosen = _strongest(means, settings.grow_gradient, settings.max_gaussians - len(means))
        large = largest > settings.clone_scale * extent
        clones, splits = (chosen & ~large).nonzero()[:, 0], (chosen & large).nonzero()[:, 0]
        stay = (~(chosen & large)).nonzero()[:, 0]
        # Gaussians that stay, then a copy of each clone, then two children of each split, whose parents do not stay.
        source = torch.cat([stay, clones, splits, splits])
        position = torch.arange(len(source), device=source.device)
        return Edit(source, position >= len(stay), position >= len(stay) + len(clones))


def without_useless(
    edit: Edit, parameters: dict[str, Tensor], settings: TrainSettings, extent: float, prune_large: bool
) -> Edit:
    """Return the edit without Gaussians that are faint or not finite.

    With `prune_large`, Gaussians larger than `settings.prune_scale` allows go as well.
    """
    with torch.no_grad():
        keep = to_opacities(parameters["opacity_logits"]) >= settings.prune_opacity  # false for NaN
        for value in parameters.values():
            keep &= torch.isfinite(value).reshape(len(value), -1).all(1)
        keep = keep[edit.source]
        if prune_large and settings.prune_scale > 0:
            largest = parameters["log_scales"].amax(1).exp()[edit.source]
            largest = largest.where(~edit.split, largest / SPLIT_SHRINK)
            keep &= largest <= settings.prune_scale * extent
        return Edit(edit.source[keep], edit.fresh[keep], edit.split[keep])


def offsets_of_children(parameters: dict[str, Tensor], edit: Edit, random: np.random.Generator) -> Tensor:
    """Return how far each child of a split (R,3) lies from its parent, drawn from the parent's own distribution."""
    parents = edit.source[edit.split]
    noise = torch.from_numpy(random.standard_normal((len(parents), 3), dtype=np.float32)).to(parameters["means"])
    with torch.no_grad():
        return _rotated(parameters["quats"][parents], noise * parameters["log_scales"][parents].exp())


def edited(name: str, value: Tensor, edit: Edit, offsets: Tensor) -> Tensor:
    """Return one parameter (N,...) after an edit, (M,...), rows in the edit's order. offsets: `offsets_of_children`."""
    with torch.no_grad():
        rows = value.detach()[edit.source]
        if name == "means":
            rows[edit.split] += offsets
        if name == "log_scales":
            rows[edit.split] -= math.log(SPLIT_SHRINK)
        return rows


def reset_opacities(opacity_logits: Tensor) -> Tensor:
    """Limit every opacity to 0.01: needed Gaussians recover quickly, floaters near the cameras do not [3DGS]."""
    ceiling = math.log(OPACITY_AFTER_RESET / (1.0 - OPACITY_AFTER_RESET))
    return opacity_logits.detach().clamp(max=ceiling)


def extent_of(cameras: list[Camera]) -> float:
    """Return the size of a scene: 1.1 times the largest distance of a camera from their mean [3DGS]; 1 if it is 0."""
    positions = np.stack([camera.position for camera in cameras])
    radius = float(np.linalg.norm(positions - positions.mean(0), axis=1).max())
    return 1.1 * radius if radius > 0 else 1.0


def _strongest(means: Tensor, threshold: float, room: int) -> Tensor:
    """Return (N,) bool: at most `room` values above the threshold, the largest first, ties by index."""
    chosen = means > threshold
    if room <= 0:
        return torch.zeros_like(chosen)
    if int(chosen.sum()) <= room:
        return chosen
    order = torch.sort(means, descending=True, stable=True).indices[:room]
    limited = torch.zeros_like(chosen)
    limited[order] = True
    return limited & chosen


def _rotated(quats: Tensor, vectors: Tensor) -> Tensor:
    # v + 2 w (u x v) + 2 u x (u x v) for the unit quaternion (w, u)
    unit = quats / quats.norm(dim=1, keepdim=True)
    axis = unit[:, 1:]
    twice = 2.0 * torch.linalg.cross(axis, vectors)
    rotated: Tensor = vectors + unit[:, :1] * twice + torch.linalg.cross(axis, twice)
    return rotated
