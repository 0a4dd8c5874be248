"""A small picture of Gaussians from outside, for notebooks: constant colours, no harmonics.

A splat does not say which way is up. The picture is taken from above for each of four meanings of up, and the one with
the most contrast is kept: a scene seen from below shows the blurred underside of its floor.

Alphabet: N Gaussians; H x W pixels.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera, centred_lens
from splatseg.cameras.orbit import frame_of, looking_at
from splatseg.raster.interface import rasterize
from splatseg.splats.activations import Y0
from splatseg.splats.box import far_out

if TYPE_CHECKING:
    from splatseg.splats.splats import Splats

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


def outside(means: np.ndarray, fov: float, up: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return a position (3,) outside the Gaussians (N,3), from which most are in sight, and the middle (3,) of them.

    It lies to the side and a little above; up (3,); fov in radians.
    """
    side, _, up = frame_of(up, np.array([0.0, 0.0, -1.0]))
    return _beside(_ball(means, SCENE), fov, (side + 0.35 * up) / math.hypot(0.35, 1.0))


def contrast_from(splats: Splats, up: np.ndarray) -> float:
    """Return the contrast of pictures from above: the mean difference of neighbouring pixels, 0..255. up (3,).

    The mean of four pictures of a quarter of the size, from around the scene.
    """
    # Of millions of Gaussians these take as long as a picture: they are computed once.
    colors, ball, geometry = (0.5 + Y0 * splats.sh0).clamp(0.0, 1.0), _ball(splats.positions, CORE), splats.geometry
    side, other, up = frame_of(up, np.array([0.0, 0.0, -1.0]))
    found = []
    for direction in (side, other, -side, -other):
        camera = _camera(ball, up, direction).scaled(0.5)
        found.append(_contrast(_drawn(*geometry, colors, camera)))
    return float(np.mean(found))


@torch.no_grad()
def preview(means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, sh0: Tensor) -> np.ndarray:
    """Render Gaussians from outside: (H,W,3) uint8. Parameters as of `Splats`: (N,3), (N,4), (N,3), (N,), (N,3)."""
    colors = (0.5 + Y0 * sh0).clamp(0.0, 1.0)
    ball, ups = _ball(means.detach().cpu().numpy(), CORE), [np.array(up) for up in UPS]
    # Any direction across up is the side.
    cameras = [_camera(ball, up, np.abs(np.roll(up, 1))) for up in ups]
    return max((_drawn(means, quats, scales, opacities, colors, camera) for camera in cameras), key=_contrast)


@torch.no_grad()
def _drawn(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, colors: Tensor, camera: Camera
) -> np.ndarray:
    drawn = rasterize(means, quats, scales, opacities, colors, camera)
    picture: np.ndarray = (drawn.features.clamp(0.0, 1.0) * 255.0).round().byte().cpu().numpy()
    return picture


def _contrast(picture: np.ndarray) -> float:
    return float(np.abs(np.diff(picture.astype(np.float32), axis=0)).mean())


def _camera(ball: tuple[np.ndarray, float], up: np.ndarray, side: np.ndarray) -> Camera:
    """A camera from above a ball, halfway between the side (3,) and the top."""
    direction = (0.8 * up + side) / np.linalg.norm(0.8 * up + side)
    position, middle = _beside(ball, FOV, direction)
    width, height = SIZE
    lens = centred_lens(height / 2.0 / math.tan(FOV / 2.0), width, height)
    return looking_at(middle, position, up, lens, width, height)


def _ball(means: np.ndarray, inner: tuple[float, float]) -> tuple[np.ndarray, float]:
    """Return middle (3,) and radius of the box between two quantiles of the means (N,3), floaters left out."""
    means = means.astype(np.float64)
    means = means[np.isfinite(means).all(1)]
    means = means[~far_out(means)]
    low, high = np.quantile(means, inner, axis=0) if len(means) else np.zeros((2, 3))
    return 0.5 * (low + high), 0.5 * float(np.linalg.norm(high - low)) or 1.0


def _beside(ball: tuple[np.ndarray, float], fov: float, direction: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    middle, radius = ball
    return middle + 1.2 * radius / math.sin(fov / 2) * direction, middle
