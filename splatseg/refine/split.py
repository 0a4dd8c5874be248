"""Splitting of Gaussians along one of their axes into smaller ones that together render nearly the same.

Alphabet: N Gaussians before, R of them split, N' = N - R + 3 R after: Gaussians that stay, in their order, then the
first, the second and the third child of each parent. A child copies its parent, except for its position and width along
the axis and its opacity.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from splatseg.raster.rotations import rotation_matrices
from splatseg.refine.profile import CHILDREN, fitted_profile
from splatseg.splats.splats import Splats


def split_along(splats: Splats, which: np.ndarray, axes: np.ndarray, width: float) -> tuple[Splats, np.ndarray]:
    """Return (the splat with the Gaussians `which` split, parent (N',) int64).

    which (R,) indices; axes (R,) 0, 1 or 2, the axis of each that is cut; width of a child as a share of the parent's;
    parent: the Gaussian before that each comes from.
    """
    stays = np.ones(len(splats), dtype=bool)
    stays[which] = False
    parent = np.concatenate([np.flatnonzero(stays), *[which] * CHILDREN])
    if len(which) == 0:
        return splats, parent
    copied = splats.subset(torch.from_numpy(parent))
    kept = len(parent) - CHILDREN * len(which)
    rows = kept + np.arange(CHILDREN * len(which))
    axis = torch.from_numpy(np.tile(axes, CHILDREN).astype(np.int64))

    centres, logits = fitted_profile(width).children(splats.opacity_logits.detach().numpy()[which])
    offsets = torch.from_numpy(centres.T.ravel()).float() * copied.scales[rows, axis]
    means, log_scales = copied.means.clone(), copied.log_scales.clone()
    opacity_logits = copied.opacity_logits.clone()
    # Rows are ordered child by child, each over all parents: values per parent are tiled, values per child transposed.
    means[rows] += offsets[:, None] * axis_of(copied.quats[rows], axis)
    log_scales[rows, axis] += math.log(width)
    opacity_logits[rows] = torch.from_numpy(logits.T.ravel()).float()
    return copied.replace(means=means, log_scales=log_scales, opacity_logits=opacity_logits), parent


def axis_of(quats: torch.Tensor, axis: torch.Tensor) -> torch.Tensor:
    """Return unit vectors (R,3) in the world along one axis (R,) each of Gaussians with quats (R,4) wxyz."""
    rotations = rotation_matrices(torch.nn.functional.normalize(quats, dim=1))
    return rotations[torch.arange(len(axis)), :, axis]
