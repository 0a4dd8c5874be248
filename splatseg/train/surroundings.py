"""Points far beyond the capture's own points: sky, distant walls, all that images show and nothing triangulated.

Without them the fit has no Gaussians in those parts of the images and fills them with clouds close to the cameras.
Directions spread evenly over a far sphere become points if most of the images that look there show no point of the
capture nearby; their colour is the mean of those images.

A far Gaussian must stay small for its distance. One that is nearly as large as it is far, beside a camera or behind it,
is drawn before everything: pictures are sorted by the depth of middles, and the affine map of a projection (EWA) knows
nothing of a middle out of the picture. Views of the fit push it away; a held-out view it covers like a veil.

Alphabet: V views; P points; D directions on the sphere (a Fibonacci lattice); cells of an image, `CELLS` along a side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera

CELLS = 16
"""Cells along the shorter side of an image; a cell without any point of the capture is open."""

SIZE = 1.0 / 5.0
"""Largest scale of a far Gaussian, as a share of its distance from all cameras: with a middle in the plane of a camera
it is not drawn there. It is cut off at sqrt(2 ln 255) = 3.33 deviations, and a deviation in the picture is up to
sqrt(1 + (1.3 t)^2) scales, t the tangent of half the angle of view: 1.5 at 81 degrees."""

BOUND_EVERY = 10
"""Steps from one bounding of sizes to the next: a scale grows by a fifth in between."""


def far_points(
    cameras: Sequence[Camera],
    photographs: Iterable[tuple[np.ndarray, np.ndarray | None]],
    points: np.ndarray,
    radius: float,
    directions: int,
) -> tuple[np.ndarray, np.ndarray]:
    """Return points (M,3) float32 and colors (M,3) uint8, M <= `directions`, at `radius` about the mean of the cameras.

    photographs (H,W,3) uint8 and their ignored pixels (H,W) bool belong to the cameras; points (P,3) are the capture's.
    """
    centre = centre_of(cameras)
    sphere = centre + radius * fibonacci_sphere(directions)
    open_views, closed_views = np.zeros(directions), np.zeros(directions)
    colors = np.zeros((directions, 3))
    for camera, (photograph, hidden) in zip(cameras, photographs, strict=True):
        occupied = _occupied(camera, points)
        seen, pixels = _visible(camera, sphere)
        if hidden is not None:
            x, y = pixels.astype(np.int64).T
            shown = ~hidden[y, x]
            seen, pixels = seen[shown], pixels[shown]
        cells = _cells(camera, pixels)
        is_open = ~occupied[cells[:, 1], cells[:, 0]]
        open_views[seen[is_open]] += 1
        closed_views[seen[~is_open]] += 1
        x, y = pixels[is_open].astype(np.int64).T
        colors[seen[is_open]] += photograph[y, x]
    kept = open_views > closed_views
    means = colors[kept] / open_views[kept, None]
    return sphere[kept].astype(np.float32), means.round().astype(np.uint8)


def centre_of(cameras: Sequence[Camera]) -> np.ndarray:
    """Return the mean (3,) float64 of the positions of cameras, world."""
    centre: np.ndarray = np.mean([camera.position for camera in cameras], axis=0)
    return centre


def bound_sizes(means: Tensor, log_scales: Tensor, centre: np.ndarray, extent: float) -> None:
    """Make far Gaussians, of means (N,3) and log_scales (N,3) in place, no larger than `SIZE` allows.

    Far is what lies more than two extents from the centre (3,) of the cameras. extent: world units, as in
    `train.settings`.
    """
    with torch.no_grad():
        # No camera is farther than an extent from their mean, so this is nearer than any of them.
        distances = (means - means.new_tensor(centre)).norm(dim=1) - extent
        limits = torch.where(distances > extent, SIZE * distances, torch.inf).log()
        log_scales.clamp_(max=limits[:, None])


def fibonacci_sphere(count: int) -> np.ndarray:
    """Return (count,3) unit vectors spread evenly over the sphere."""
    index = np.arange(count) + 0.5
    z = 1.0 - 2.0 * index / count
    # Equal steps in z are equal areas; a turn by the golden angle (modulo 2 pi) keeps neighbours apart.
    angle = np.pi * (1.0 + np.sqrt(5.0)) * index
    ring = np.sqrt(1.0 - z * z)
    return np.stack([ring * np.cos(angle), ring * np.sin(angle), z], axis=1)


def _occupied(camera: Camera, points: np.ndarray) -> np.ndarray:
    side = min(camera.width, camera.height) / CELLS
    grid = np.zeros((int(camera.height / side) + 1, int(camera.width / side) + 1), dtype=bool)
    cells = _cells(camera, _visible(camera, points)[1])
    grid[cells[:, 1], cells[:, 0]] = True
    return grid


def _visible(camera: Camera, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the indices (S,) of points in front of a camera and inside its image, and their pixels (S,2)."""
    pixels, depths = camera.project(points.astype(np.float64))
    with np.errstate(invalid="ignore"):
        inside = (depths > 0) & (pixels >= 0).all(1) & (pixels < [camera.width, camera.height]).all(1)
    seen = inside.nonzero()[0]
    return seen, pixels[seen]


def _cells(camera: Camera, pixels: np.ndarray) -> np.ndarray:
    side = min(camera.width, camera.height) / CELLS
    return (pixels / side).astype(np.int64)
