"""A small picture of Gaussians from outside, for notebooks: constant colours, no harmonics.

A splat does not say which way is up. The picture is taken from above for each of four meanings of up, and the one with
the most contrast is kept: a scene seen from below shows the blurred underside of its floor.

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
from splatseg.splats.activations import Y0
from splatseg.splats.box import far_out

SIZE = (360, 270)
"""Width and height in pixels."""

FOV = math.radians(50.0)
"""Vertical angle of view."""

SCENE = (0.1, 0.9)
"""Quantiles of the Gaussians' positions that bound the scene; floaters lie outside."""

CORE = (0.3, 0.7)
"""Quantiles between which the things in a room are, whose walls would hide them from outside."""

UPS = ((0.0, -1.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0), (0.0, 0.0, -1.0))
"""Directions that are up in one convention or another, the most usual first."""


def outside(means: np.ndarray, fov: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a position (3,) outside the Gaussians (N,3), from which most are in sight, and the middle (3,) of them.

    It lies to the side and a little above, where up is -y; fov in radians.
    """
    return _beside(means, fov, SCENE, np.array([0.0, -0.35, -1.0]) / math.hypot(0.35, 1.0))


@torch.no_grad()
def preview(means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, sh0: Tensor) -> np.ndarray:
    """Render Gaussians from outside: (H,W,3) uint8. Parameters as of `Splats`: (N,3), (N,4), (N,3), (N,), (N,3)."""
    places, colors = means.detach().cpu().numpy(), (0.5 + Y0 * sh0).clamp(0.0, 1.0)
    best, most = np.zeros((SIZE[1], SIZE[0], 3), np.uint8), -1.0
    for up in UPS:
        drawn = rasterize(means, quats, scales, opacities, colors, _camera(places, np.array(up)))
        picture: np.ndarray = (drawn.features.clamp(0.0, 1.0) * 255.0).round().byte().cpu().numpy()
        contrast = float(np.abs(np.diff(picture.astype(np.float32), axis=0)).mean())
        if contrast > most:
            best, most = picture, contrast
    return best


def _camera(means: np.ndarray, up: np.ndarray) -> Camera:
    """A camera from above the core, halfway between the side and the top."""
    side = np.roll(up, 1)  # any direction across
    direction = (0.8 * up + np.abs(side)) / np.linalg.norm(0.8 * up + np.abs(side))
    position, middle = _beside(means, FOV, CORE, direction)
    width, height = SIZE
    lens = centred_lens(height / 2.0 / math.tan(FOV / 2.0), width, height)
    return looking_at(middle, position, up, lens, width, height)


def _beside(
    means: np.ndarray, fov: float, inner: tuple[float, float], direction: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    means = means.astype(np.float64)
    means = means[np.isfinite(means).all(1)]
    means = means[~far_out(means)]
    low, high = np.quantile(means, inner, axis=0) if len(means) else np.zeros((2, 3))
    middle, radius = 0.5 * (low + high), 0.5 * float(np.linalg.norm(high - low)) or 1.0
    return middle + 1.2 * radius / math.sin(fov / 2) * direction, middle
