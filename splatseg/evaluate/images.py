"""Similarity of a rendered picture to the photograph.

A fit that corrects colours (`train.color_correction`) gives a splat the mean colours of its photographs, and those of a
held-out photograph may be others. Its PSNR is then also measured after an affine map of the colours of the rendered
picture. Each half of the picture, left and right, takes the map that fits the other half best, so that no pixel is
measured by a map that was fitted to it. This figure is always called "colours fitted"; PSNR alone is of the picture as
it is.

Alphabet: images (H,W,3), uint8 or floats in 0..1 (clamped); computed in float64.

Sources: colours fitted to the other half: NeRF in the Wild (Martin-Brualla et al. 2021), which does so with one half.
SSIM: Wang et al. 2004, with the window (11x11 Gaussian, sigma 1.5), constants and zero padding with which 3D
Gaussian Splatting and the papers after it report it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy.ndimage import correlate1d

from splatseg.arrays import check_shapes
from splatseg.render.affine_color import affine_map, color_moments, with_affine_color

PSNR_MAX = 100.0
"""PSNR in dB of equal images, which would be infinite: a mean stays finite and JSON stays valid."""

RIDGE = 1e-4
"""Squared colours, 0.01^2, added to those that a map is fitted to, so that a half of a single colour has one."""

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2


@dataclass(frozen=True)
class ImageScore:
    """PSNR and SSIM of one view."""

    view: str
    """Name of the view."""
    psnr: float
    """dB."""
    ssim: float
    """SSIM; 1 for equal images."""
    psnr_colors_fitted: float | None = None
    """PSNR (dB) after each half has the affine map of colours that fits the other half; None if not measured."""


def score_image(
    view: str, image: np.ndarray, target: np.ndarray, ignored: np.ndarray | None = None, fit_colors: bool = False
) -> ImageScore:
    """Measure PSNR and SSIM of a rendered view, images (H,W,3), in the pixels that are not ignored (H,W) bool.

    fit_colors: measure the PSNR with fitted colours, too.
    """
    fitted = psnr_colors_fitted(image, target, ignored) if fit_colors else None
    return ImageScore(view, psnr(image, target, ignored), ssim(image, target, ignored), fitted)


def psnr_colors_fitted(image: np.ndarray, target: np.ndarray, ignored: np.ndarray | None = None) -> float:
    """Return the PSNR as `psnr`, after each half has the affine map of colours that fits the other half best."""
    a, b = _as_floats(image, target)
    moments = color_moments(a, b, None if ignored is None else ~ignored)
    half = a.shape[1] // 2
    mapped = []
    for part, other in ((a[:, :half], moments[1]), (a[:, half:], moments[0])):
        offset = affine_map(other / max(other[3, 3], 1.0), RIDGE)
        mapped.append(with_affine_color(torch.from_numpy(part), offset).numpy())
    return psnr(np.concatenate(mapped, axis=1), b, ignored)


def psnr(image: np.ndarray, target: np.ndarray, ignored: np.ndarray | None = None) -> float:
    """Return the peak signal-to-noise ratio in dB over channels and pixels that count; at most `PSNR_MAX`."""
    a, b = _as_floats(image, target)
    error = _mean_of((a - b) ** 2, ignored)
    return PSNR_MAX if error <= 10 ** (-PSNR_MAX / 10) else -10 * math.log10(error)


def ssim(image: np.ndarray, target: np.ndarray, ignored: np.ndarray | None = None) -> float:
    """Return the mean structural similarity over channels and pixels that count; 1 for equal images.

    Ignored pixels in the window of one that counts are taken as equal.
    """
    a, b = _as_floats(image, target)
    if ignored is not None:
        b = np.where(ignored[..., None], a, b)
    mean_a, mean_b = _blurred(a), _blurred(b)
    var_a, var_b = _blurred(a * a) - mean_a**2, _blurred(b * b) - mean_b**2
    covar = _blurred(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    structure = (2 * covar + C2) / (var_a + var_b + C2)
    return _mean_of(luminance * structure, ignored)


def _mean_of(values: np.ndarray, ignored: np.ndarray | None) -> float:
    """Return the mean of values (H,W,C) over pixels that are not ignored; over all if all are."""
    counted = values if ignored is None or ignored.all() else values[~ignored]
    return float(np.mean(counted))


def _as_floats(image: np.ndarray, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    check_shapes(image=(image, "H W 3"), target=(target, "H W 3"))
    return _as_float(image), _as_float(target)


def _as_float(image: np.ndarray) -> np.ndarray:
    if image.dtype == np.uint8:
        return image.astype(np.float64) / 255
    assert image.dtype.kind == "f", f"images are uint8 or floats, got {image.dtype}"
    return np.clip(image.astype(np.float64), 0, 1)


def _blurred(channels: np.ndarray) -> np.ndarray:
    window = np.exp(-0.5 * ((np.arange(WINDOW) - WINDOW // 2) / SIGMA) ** 2)
    window /= window.sum()
    rows = correlate1d(channels, window, axis=0, mode="constant")
    blurred: np.ndarray = correlate1d(rows, window, axis=1, mode="constant")
    return blurred
