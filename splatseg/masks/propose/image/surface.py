"""Cues for boundaries from the surface that a splat shows: where its depth jumps, and where two surfaces meet.

The inverse depth q of a plane is linear in the image, so its second difference across a pixel, (q_1 + q_2 - 2 q) / q
for the two sides a radius away, is 0 on every plane, however slanted:

    valley    the largest over orientations, if above 0: the pixel lies behind the mean of its sides. Concave edges,
              where one thing rests on another, and the far side of a jump
    ridge     the largest over orientations of its negative: convex edges, and the near side of a jump

Both are shares of the inverse depth, so a scene's unit does not matter. Every cue is in 0..1. Alphabet: H x W pixels.

Source: ours. Convexity as what separates things: Stein et al. 2014, "Object partitioning using local convexity".
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

RADII = (2.0, 5.0)
"""Distance of the sides, near and far, in pixels of an image with the diagonal of 640x480."""

RELIEF_HALF = 0.02
"""Second difference at which a cue is 1/2: about twice what a fitted splat's depth errs by [five scenes, median of the
depth's error 0.7 to 3 %]."""


@dataclass(frozen=True, eq=False)
class Surface:
    """The surface of a view, all (H,W) float32."""

    inverse: np.ndarray
    """Inverse depth, in 1 / scene units; 0 where there is no surface."""

    reliefs: tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
    """Near valley, near ridge, far valley, far ridge, each 0..1."""


def surface_of(depth: np.ndarray, scale: float) -> Surface:
    """Return the cues of a depth map (H,W), along the optical axis, 0 = none.

    scale: the image's diagonal relative to that of 640x480.
    """
    inverse = np.divide(1.0, depth, out=np.zeros(depth.shape, np.float32), where=depth > 0)
    reliefs = []
    for radius in RADII:
        step = max(1, round(radius * scale))
        smooth = ndimage.gaussian_filter(inverse, 0.35 * step)
        differences = _second_differences(smooth, step) / np.maximum(smooth, 1e-9)
        reliefs += [_soft(differences.max(0)), _soft(-differences.min(0))]
    return Surface(inverse, (reliefs[0], reliefs[1], reliefs[2], reliefs[3]))


def _second_differences(plane: np.ndarray, step: int) -> np.ndarray:
    """Return (4,H,W): the two sides' sum less twice the pixel, along rows, columns and both diagonals."""
    height, width = plane.shape
    diagonal = round(0.7 * step)
    padded = np.pad(plane, step, mode="edge")

    def moved(dy: int, dx: int) -> np.ndarray:
        return padded[step + dy : step + dy + height, step + dx : step + dx + width]

    sides = ((0, step), (step, 0), (diagonal, diagonal), (diagonal, -diagonal))
    return np.stack([moved(dy, dx) + moved(-dy, -dx) - 2 * plane for dy, dx in sides])


def _soft(values: np.ndarray) -> np.ndarray:
    positive = np.maximum(values, 0)
    soft: np.ndarray = (positive / (positive + RELIEF_HALF)).astype(np.float32)
    return soft
