"""Affine maps of colours: what exposure and white balance make of a picture, and the map that fits two pictures best.

    y = x + x1 @ offset       x1 = (x, 1); offset (4,3), 0 is the identity

The map acts on the values of the picture as they are stored (sRGB), which the fit compares and which PSNR measures.
There a change of exposure or white balance is as good as linear: light scaled by g becomes a value scaled by g^(1/2.2),
but for the darkest hundredth of the scale. Contrast, saturation and haze are affine there, too.

    offset = argmin  mean_p |x_p + x1_p @ offset - y_p|^2  +  ridge * |offset|^2

Alphabet: pictures (H,W,3), values in 0..1; p a pixel that counts; x and y its colours in the two pictures.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from splatseg.arrays import check_shapes

LOOKED_AT = 1 << 14
"""Pixels that are compared, about, on a grid over the picture: 12 numbers need no more, and it takes 1 ms."""


def color_moments(picture: np.ndarray, target: np.ndarray, counted: np.ndarray | None = None) -> np.ndarray:
    """Return sums (2,7,7) float64 of z z^T over the left and the right half of a picture, z = (x, 1, y - x).

    x are colours of the picture (H,W,3), y of the target (H,W,3), both in 0..1. counted: pixels (H,W) bool that are
    compared; None for all. A pixel that the target shows fully bright or dark in some channel is clipped, tells nothing
    of exposure, and is left out. The same bits on any number of threads.
    """
    check_shapes(picture=(picture, "H W 3"), target=(target, "H W 3"))
    step = max(1, math.isqrt(target.shape[0] * target.shape[1] // LOOKED_AT))
    x, y = (image[::step, ::step].astype(np.float64) for image in (picture, target))
    used = (y.max(axis=2) < 1.0) & (y.min(axis=2) > 0.0)
    if counted is not None:
        used &= counted[::step, ::step]
    z = np.concatenate([x, np.ones((*used.shape, 1)), y - x], axis=2)
    half = z.shape[1] // 2
    sums = []
    for part in (np.s_[:, :half], np.s_[:, half:]):
        colors = z[part][used[part]]
        # einsum adds in one order; a matrix product may be cut into as many pieces as there are threads.
        sums.append(np.einsum("pi,pj->ij", colors, colors))
    return np.array(sums)


def affine_map(moments: np.ndarray, ridge: float) -> np.ndarray:
    """Return the offset (4,3) float64 that fits moments (7,7), means over pixels; ridge: weight of its squares."""
    offset: np.ndarray = np.linalg.solve(moments[:4, :4] + ridge * np.eye(4), moments[:4, 4:])
    return offset


def with_affine_color(image: Tensor, offset: np.ndarray) -> Tensor:
    """Return an image (H,W,3) with the map of an offset (4,3) applied; not clamped, differentiable in the image."""
    channels = image.unbind(-1)
    mapped = []
    for k, channel in enumerate(channels):
        # One product and one sum at a time: the same bits on any number of threads.
        value = channel * (1.0 + float(offset[k, k])) + float(offset[3, k])
        for j, other in enumerate(channels):
            if j != k:
                value = value + other * float(offset[j, k])
        mapped.append(value)
    return torch.stack(mapped, dim=-1)
