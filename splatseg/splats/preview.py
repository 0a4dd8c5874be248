"""A small picture of Gaussians from outside, for notebooks: constant colours, no harmonics.

Alphabet: N Gaussians; H x W pixels.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera, centred_lens
from splatseg.cameras.orbit import looking_at
from splatseg.raster.interface import rasterize
from splatseg.splats.spherical_harmonics import Y0

SIZE = (360, 270)
"""Width and height in pixels."""

FOV = math.radians(50.0)
"""Vertical angle of view."""

INNER = (0.1, 0.9)
"""Quantiles of the Gaussians' positions that bound the scene; floaters lie outside."""


def outside_camera(means: np.ndarray, fov: float, width: int, height: int) -> Camera:
    """Return a camera that sees most Gaussians (N,3) from the side and a little from above; up is -y."""
    position, middle = outside(means, fov)
    lens = centred_lens(height / 2.0 / math.tan(fov / 2.0), width, height)
    return looking_at(middle, position, np.array([0.0, -1.0, 0.0]), lens, width, height)


def outside(means: np.ndarray, fov: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a position (3,) outside the Gaussians (N,3) from which most are in sight, and their middle (3,)."""
    means = means.astype(np.float64)
    means = means[np.isfinite(means).all(1)]
    low, high = np.quantile(means, INNER, axis=0) if len(means) else np.zeros((2, 3))
    middle, radius = 0.5 * (low + high), 0.5 * float(np.linalg.norm(high - low)) or 1.0
    direction = np.array([0.0, -0.35, -1.0]) / math.hypot(0.35, 1.0)
    return middle + 1.2 * radius / math.sin(fov / 2) * direction, middle


@torch.no_grad()
def preview(means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, sh0: Tensor) -> np.ndarray:
    """Render Gaussians from outside: (H,W,3) uint8.

    means (N,3), quats (N,4), scales (N,3), opacities (N,), sh0 (N,3) as in `Splats`.
    """
    camera = outside_camera(means.detach().cpu().numpy(), FOV, *SIZE)
    colors = (0.5 + Y0 * sh0).clamp(0.0, 1.0)
    drawn = rasterize(means, quats, scales, opacities, colors, camera)
    picture: np.ndarray = (drawn.features.clamp(0.0, 1.0) * 255.0).round().byte().cpu().numpy()
    return picture
