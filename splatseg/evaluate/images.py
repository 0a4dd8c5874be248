"""Similarity of a rendered picture to the photograph.

Alphabet: images (H,W,3), uint8 or floats in 0..1 (clamped); computed in float64.

Sources: SSIM: Wang et al. 2004, with the window (11x11 Gaussian, sigma 1.5), constants and zero padding with which 3D
Gaussian Splatting and the papers after it report it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.ndimage import correlate1d

from splatseg.arrays import check_shapes

PSNR_MAX = 100.0
"""PSNR in dB of equal images, which would be infinite: a mean stays finite and JSON stays valid."""

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


def score_image(view: str, image: np.ndarray, target: np.ndarray) -> ImageScore:
    """Measure PSNR and SSIM of a rendered view, images (H,W,3)."""
    return ImageScore(view, psnr(image, target), ssim(image, target))


def psnr(image: np.ndarray, target: np.ndarray) -> float:
    """Return the peak signal-to-noise ratio in dB over all pixels and channels; at most `PSNR_MAX`."""
    a, b = _as_floats(image, target)
    error = float(np.mean((a - b) ** 2))
    return PSNR_MAX if error <= 10 ** (-PSNR_MAX / 10) else -10 * math.log10(error)


def ssim(image: np.ndarray, target: np.ndarray) -> float:
    """Return the mean structural similarity over pixels and channels; 1 for equal images."""
    a, b = _as_floats(image, target)
    mean_a, mean_b = _blurred(a), _blurred(b)
    var_a, var_b = _blurred(a * a) - mean_a**2, _blurred(b * b) - mean_b**2
    covar = _blurred(a * b) - mean_a * mean_b
    luminance = (2 * mean_a * mean_b + C1) / (mean_a**2 + mean_b**2 + C1)
    structure = (2 * covar + C2) / (var_a + var_b + C2)
    return float(np.mean(luminance * structure))


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
