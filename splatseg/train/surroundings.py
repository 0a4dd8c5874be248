"""Points far beyond the capture's own points: sky, distant walls, all that images show and nothing triangulated.

Without them the fit has no Gaussians in those parts of the images and fills them with clouds close to the cameras.
Directions spread evenly over a far sphere become points if most of the images that look there show no point of the
capture nearby; their colour is the mean of those images.

Alphabet: V views; P points; D directions on the sphere (a Fibonacci lattice); cells of an image, `CELLS` along a side.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from splatseg.cameras.camera import Camera

CELLS = 16
"""Cells along the shorter side of an image; a cell without any point of the capture is open."""


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
    centre = np.mean([camera.position for camera in cameras], axis=0)
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
