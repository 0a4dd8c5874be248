"""Cues for boundaries at every pixel: colour, its gradient, and the colours and textures around.

Alphabet: H x W pixels; OKLab colours; sigma and radius in pixels. Every cue is in 0..1.

    edge      Di Zenzo's gradient: the root of the largest eigenvalue of the sum of g g^T over the colour channels
    contrast  the chi-square distance of colour histograms on the two sides of a pixel, the largest over orientations

Source: Di Zenzo 1986, "A note on the gradient of a multi-image"; Martin, Fowlkes and Malik 2004, "Learning to detect
natural image boundaries using local brightness, color, and texture cues". Instead of their two half-discs there are two
Gaussian windows, a radius to either side of a pixel, so that one blur serves all orientations.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

from splatseg.oklab import oklab_of

BINS = 8
"""Bins of each histogram of colours."""

RANGES = ((0.1, 1.0), (-0.15, 0.2), (-0.15, 0.2))
"""Lower and upper end of the histograms of lightness, a and b; values beyond count at the ends."""

EDGE_HALF = 0.03
CONTRAST_HALF = 0.15
"""Gradient (OKLab units) and chi-square distance at which a cue is 1/2."""

FAINT_TEXTURE = 0.004
"""Gradient of lightness below which there is no texture."""

ORIENTATIONS = 6
"""Directions in which the two sides of a pixel are compared."""

REFERENCE_PIXELS = 640 * 480
"""Pixels of the image for which areas are stated."""

RADII = (4.0, 8.0)
"""Radii of the contrast in pixels of an image with the diagonal of 640x480."""


@dataclass(frozen=True, eq=False)
class Cues:
    """Cues at every pixel, all float32."""

    lab: np.ndarray
    """OKLab colours (3,H,W)."""

    edge: np.ndarray
    """Strength of the gradient, (H,W), 0..1."""

    contrast: np.ndarray
    """Contrast of the two sides, (H,W), 0..1."""

    colours: np.ndarray
    """Soft histograms of lightness, a and b, (24,H,W); they sum to 3 at every pixel."""

    textures: np.ndarray
    """Soft histograms of texture at two scales, (10,H,W); they sum to 2 at every pixel."""


def find_cues(image: np.ndarray, scale: float) -> Cues:
    """Return the cues of an image (H,W,3) uint8. scale: its diagonal relative to that of 640x480."""
    lab = np.ascontiguousarray(_oklab(image).transpose(2, 0, 1))
    gradient = _gradient(lab, 0.7 * scale)
    colours = np.concatenate([_soft_bins(c, *ends) for c, ends in zip(lab, RANGES, strict=True)])
    distance = np.mean([_two_sides(colours, radius * scale) for radius in RADII], axis=0)
    edge, contrast = gradient / (gradient + EDGE_HALF), distance / (distance + CONTRAST_HALF)
    textures = np.concatenate([_texture(lab[0], sigma * scale) for sigma in (1.0, 2.0)])
    return Cues(lab, edge, contrast.astype(np.float32), colours, textures)


def _oklab(image: np.ndarray) -> np.ndarray:
    """Return OKLab colours (H,W,3) float32 of an image, without its last bit."""
    # Cube roots are expensive. Without the last bit, which is noise, few colours are distinct: convert only those.
    codes = (image >> 1).astype(np.int32) @ np.array([1 << 14, 1 << 7, 1], np.int32)
    found, place = np.unique(codes, return_inverse=True)
    colors = np.stack([found >> 14, found >> 7 & 127, found & 127], axis=1) * 2 + 0.5
    return oklab_of(colors).astype(np.float32)[place.reshape(image.shape[:2])]


def _gradient(channels: np.ndarray, sigma: float) -> np.ndarray:
    """Return Di Zenzo's gradient (H,W) of channels (C,H,W) at a scale sigma."""
    # Entries of the 2x2 sum of g g^T; its largest eigenvalue in closed form.
    along = [np.stack([ndimage.gaussian_filter(c, sigma, order=order) for c in channels]) for order in ((0, 1), (1, 0))]
    xx, yy, xy = (along[0] ** 2).sum(0), (along[1] ** 2).sum(0), (along[0] * along[1]).sum(0)
    gradient: np.ndarray = sigma * np.sqrt(np.maximum(xx + yy + np.sqrt((xx - yy) ** 2 + 4 * xy**2), 0) / 2)
    return gradient


def _soft_bins(values: np.ndarray, low: float, high: float) -> np.ndarray:
    """Return soft histograms (BINS,H,W) of values (H,W): a value between two bins counts in both, to a sum of 1."""
    place = np.clip((values - low) / (high - low), 0, 1) * (BINS - 1)
    return np.stack([np.maximum(0, 1 - np.abs(place - k)) for k in range(BINS)]).astype(np.float32)


def _two_sides(histograms: np.ndarray, radius: float) -> np.ndarray:
    """Return (H,W) in 0..1: the largest chi-square distance, over orientations, of histograms a radius to either side.

    Blurred maps change slowly, so this is computed on a coarse grid, on which the radius is about 2.
    """
    height, width = histograms.shape[1:]
    factor = max(1, min(round(radius / 2), height, width))
    small = _shrunk(histograms, factor)
    step, pad = radius / factor, int(np.ceil(radius / factor))
    rows, columns = small.shape[1:]
    blurred = np.stack([ndimage.gaussian_filter(h, 0.6 * step, truncate=2.5) for h in small])
    padded = np.pad(blurred, ((0, 0), (pad, pad), (pad, pad)), mode="edge")
    # The two sides of a pixel are the same blurred map, shifted a radius forwards and backwards.
    largest = np.zeros((rows, columns), np.float32)
    for angle in np.pi * np.arange(ORIENTATIONS) / ORIENTATIONS:
        dx, dy = round(step * np.cos(angle)), round(step * np.sin(angle))
        one, other = (padded[:, pad + s * dy :, pad + s * dx :][:, :rows, :columns] for s in (1, -1))
        distance = np.zeros_like(largest)
        for first, second in zip(one, other, strict=True):  # plane by plane, which stay in the cache
            difference = first - second
            distance += difference * difference / (first + second + 1e-3)
        np.maximum(largest, distance, out=largest)
    return _enlarged(largest / 6, factor, height, width)


def _shrunk(planes: np.ndarray, factor: int) -> np.ndarray:
    """Return means of blocks (C, ceil(H/factor), ceil(W/factor)); the last blocks are padded with the image's edge."""
    missing = [(-size) % factor for size in planes.shape[1:]]
    planes = np.pad(planes, ((0, 0), (0, missing[0]), (0, missing[1])), mode="edge")
    count, height, width = planes.shape
    means: np.ndarray = planes.reshape(count, height // factor, factor, width // factor, factor).mean((2, 4))
    return means


def _enlarged(plane: np.ndarray, factor: int, height: int, width: int) -> np.ndarray:
    """Return a plane (height, width), linearly interpolated between the centres of blocks."""
    for axis, size in enumerate((height, width)):
        place = np.clip((np.arange(size) + 0.5) / factor - 0.5, 0, plane.shape[axis] - 1)
        low = place.astype(int)
        high = np.minimum(low + 1, plane.shape[axis] - 1)
        share = (place - low).astype(np.float32)[:, None] if axis == 0 else (place - low).astype(np.float32)
        plane = np.take(plane, low, axis) * (1 - share) + np.take(plane, high, axis) * share
    return plane


def _texture(lightness: np.ndarray, sigma: float) -> np.ndarray:
    """Return (5,H,W): strength of the change of lightness in four directions, and 1 - the strength of all change."""
    dx, dy = (ndimage.gaussian_filter(lightness, sigma, order=order) * sigma for order in ((0, 1), (1, 0)))
    strength = np.clip(np.log2(np.hypot(dx, dy) / FAINT_TEXTURE + 1e-9), 0, 4) / 4
    # Direction in units of 45 degrees, 0..4 and periodic; a direction between two of the four counts in both.
    turn = 4 * (np.arctan2(dy, dx) % np.pi) / np.pi
    shares = [strength * np.maximum(0, 1 - np.abs((turn - k + 2) % 4 - 2)) for k in range(4)]
    return np.stack([*shares, 1 - strength]).astype(np.float32)
