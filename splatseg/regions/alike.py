"""Gaussians by what they are: their colour, their opacity, their size.

A Gaussian's colour is that of its constant harmonic: it is the same from all sides. Colours are compared in OKLab,
where equal distances look equally far (`oklab`).

Alphabet: N Gaussians; OKLab colours (N,3); P pixels.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError
from splatseg.oklab import oklab_of
from splatseg.select.seen import pixel_of
from splatseg.select.session import Session
from splatseg.splats.activations import Y0
from splatseg.splats.splats import Splats

Range = tuple[float, float]
"""Least and greatest value; either may be infinite."""

TRANSPARENT = 1.0 / 255.0
"""Pixels with less alpha show no colour."""


def colors_in_oklab(splats: Splats) -> np.ndarray:
    """Return the colour (N,3) of each Gaussian in OKLab."""
    return oklab_of(255.0 * _rgb(splats.sh0.detach())).astype(np.float32)


def color_at(session: Session, camera: Camera, pixel: tuple[float, float]) -> np.ndarray:
    """Return the OKLab colour (3,) that Gaussians make at a pixel (x, y), of the colours that they have from all sides.

    Raises PromptError for a pixel outside the picture, and one at which nothing is seen.
    """
    place = pixel_of(pixel, camera)
    seen = session.prepared_at(camera, place).contributors(torch.tensor([place]))
    weights, columns = seen.weights.numpy(), seen.columns
    alpha = float(weights.sum())
    if alpha < TRANSPARENT:
        raise PromptError(f"nothing is seen at the pixel ({pixel[0]:g}, {pixel[1]:g}); click on something")
    return oklab_of(255.0 * (weights @ _rgb(session.splats.sh0.detach()[columns])) / alpha)


def near_color(colors: np.ndarray, color: np.ndarray, tolerance: float) -> np.ndarray:
    """Return (N,) bool: the OKLab colours (N,3) at most `tolerance` from a color (3,).

    Raises PromptError for a negative tolerance.
    """
    if not tolerance >= 0.0:
        raise PromptError(f"the tolerance is {tolerance:g}; give a distance in OKLab of 0 or more, such as 0.1")
    near: np.ndarray = np.square(colors - color.astype(colors.dtype)).sum(axis=1) <= tolerance * tolerance
    return near


def in_range(values: np.ndarray, limits: Range, what: str) -> np.ndarray:
    """Return (N,) bool: the values (N,) from the least to the greatest of `limits`, both included.

    Raises PromptError if the limits are not two numbers in order.
    """
    low, high = limits
    if not low <= high:
        raise PromptError(f"the {what} is to be from {low:g} to {high:g}; give the smaller number first")
    inside: np.ndarray = (values >= low) & (values <= high)
    return inside


def _rgb(sh0: Tensor) -> np.ndarray:
    """Return the colours (K,3), 0..1, of constant harmonics (K,3)."""
    colors: np.ndarray = np.clip(0.5 + Y0 * sh0.cpu().numpy(), 0.0, 1.0)
    return colors
