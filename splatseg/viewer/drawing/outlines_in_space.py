"""Lines in space that the page draws over the picture: cameras of a capture, and the path of a film.

A camera is drawn as the pyramid of what it sees, up to a small depth, with a roof that says where its picture's top is.

Alphabet: V cameras; lines (L,2,3), start and end of each, world units.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from splatseg.cameras.camera import Camera

CORNERS = np.array([[0.0, 0.0], [1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [0.5, -0.35]])
"""Corners of a picture as shares of its width and height, from the top left, and the tip of the roof above its top."""

EDGES = ((5, 0), (5, 1), (5, 2), (5, 3), (0, 1), (1, 2), (2, 3), (3, 0), (0, 4), (1, 4))
"""Lines between the corners; 5 is the camera's place."""


def pyramids(cameras: Sequence[Camera], depth: float) -> np.ndarray:
    """Return the lines (10 V,2,3) of pyramids that reach `depth` world units in front of V cameras."""
    lines = [np.zeros((0, 2, 3))]
    for camera in cameras:
        pixels = CORNERS * (camera.width, camera.height)
        rays = np.linalg.solve(camera.K, np.column_stack([pixels, np.ones(len(pixels))]).T).T
        corners = camera.position + depth * rays @ camera.viewmat[:3, :3]
        points = np.vstack([corners, camera.position])
        lines.append(points[np.array(EDGES)])
    return np.concatenate(lines)


def chain(places: np.ndarray) -> np.ndarray:
    """Return the lines (V-1,2,3) from each place (V,3) to the next."""
    return np.stack([places[:-1], places[1:]], 1)


def place_at(camera: Camera, places: np.ndarray, pixel: tuple[float, float], within: float) -> int | None:
    """Return the nearest of places (V,3) that a camera sees `within` so many pixels of one; None if there is none."""
    pixels, depths = camera.project(places)
    apart = np.linalg.norm(pixels - pixel, axis=1)
    near = np.flatnonzero((depths > 0) & (apart <= within))
    # Of several behind one another it is the one in front that is meant.
    return int(near[depths[near].argmin()]) if len(near) else None
