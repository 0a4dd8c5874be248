"""The faces of a lens: pinhole cameras at one place that see together what the lens sees.

The faces are the first of these sets in which every face sees at most `WIDE` to each side: one straight ahead, two side
by side or one above the other, four, and the six sides of a cube. A point of the photograph belongs to the face whose
axis is nearest to its ray, and each face is the rectangle around the points that belong to it: all that the lens sees
is kept. On the axis of the lens a face is as fine as the photograph.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache

import numpy as np

from splatseg.cameras.camera import Camera, impossible
from splatseg.cameras.lens import Lens

WIDE = math.tan(math.radians(60.0))
"""Tangent of the angle that a face sees to a side: there a pixel of it covers an eighth of the solid angle of one in
its middle, and faces wider than that are mostly such pixels."""

MOST_PIXELS = 64
"""Most pixels of all faces for each pixel of the photograph, and the other way round; strong lenses have 2 to 4."""

SAMPLES = 96
"""Points of the photograph, along its longer side, at which it is looked where the lens sees."""


@lru_cache(256)
def faces_of(lens: Lens) -> tuple[Camera, ...]:
    """Return the faces of a lens that see anything, as if its camera were the world.

    Raises ValueError if the lens sees nothing.
    """
    samples, shape = samples_of(lens)
    rays = lens.rays(samples)
    known = np.isfinite(rays).all(axis=1).reshape(shape)
    rays = rays[known.ravel()]
    if len(rays) == 0:
        raise ValueError("the lens sees nothing of its picture")
    for axes in _sets_of_axes(rays):
        seen = [rays[mine] @ axis.T for mine, axis in zip(_parts(rays @ axes[:, 2].T, known), axes, strict=True)]
        if all((part[:, 2] > 0).all() and (np.abs(part[:, :2]) <= WIDE * part[:, 2:]).all() for part in seen):
            break
    focal = _focal(lens)
    return tuple(
        _face(axis, part[:, :2] / part[:, 2:], focal) for axis, part in zip(axes, seen, strict=True) if len(part)
    )


def impossible_lens(lens: Lens) -> str:
    """Return what of a lens no photograph can have been taken with, in a few words; empty if nothing."""
    try:
        faces = faces_of(lens)
    except ValueError:
        return "its lens sees nothing of the picture"
    for face in faces:
        if fault := impossible(face):
            return f"undistorted {fault}"
    pixels, taken = sum(face.width * face.height for face in faces), lens.width * lens.height
    if not taken <= MOST_PIXELS * pixels <= MOST_PIXELS**2 * taken:
        return f"its lens bends the picture so that undistorted it would have {pixels:,} pixels"
    return ""


def samples_of(lens: Lens) -> tuple[np.ndarray, tuple[int, int]]:
    """Return points (P,2) all over the picture, on its border, too, and their numbers of rows and columns."""
    longer = max(lens.width, lens.height)
    columns, rows = (max(2, round(SAMPLES * side / longer)) + 1 for side in (lens.width, lens.height))
    x, y = np.meshgrid(np.linspace(0.0, lens.width, columns), np.linspace(0.0, lens.height, rows))
    return np.stack([x.ravel(), y.ravel()], axis=1), (rows, columns)


def _parts(cosines: np.ndarray, known: np.ndarray) -> list[np.ndarray]:
    """Return which of the rays (P,) belong to each face, with two neighbours of those that do: faces overlap by one.

    cosines (P,F) between rays and axes; known (rows, columns): the samples whose rays these are.
    """
    owner = np.full(known.shape, -1)
    owner[known] = cosines.argmax(axis=1)
    parts = []
    for face in range(cosines.shape[1]):
        mine = np.pad(owner == face, 2)
        shifts = itertools.product(range(5), repeat=2)
        near = [mine[i : i + known.shape[0], j : j + known.shape[1]] for i, j in shifts]
        parts.append(np.any(near, axis=0)[known])
    return parts


def _sets_of_axes(rays: np.ndarray) -> list[np.ndarray]:
    """Return sets of rotations (A,3,3) from the lens to faces, the last one the sides of a cube."""
    across, down = np.arctan2(rays[:, 0], rays[:, 2]), np.arcsin(np.clip(rays[:, 1], -1.0, 1.0))
    # Half of the way from the middle to the border, to both sides.
    middle = [(angles.max() + angles.min()) / 2 for angles in (across, down)]
    quarter = [(angles.max() - angles.min()) / 4 for angles in (across, down)]
    xs, ys = ((middle[i] - quarter[i], middle[i] + quarter[i]) for i in (0, 1))
    two = [[(x, 0.0) for x in xs], [(0.0, y) for y in ys]]
    if quarter[0] < quarter[1]:
        two.reverse()
    quarters = math.pi / 2
    cube = [(0.0, 0.0), (quarters, 0.0), (2 * quarters, 0.0), (-quarters, 0.0), (0.0, quarters), (0.0, -quarters)]
    sets = [[(0.0, 0.0)], *two, list(itertools.product(xs, ys)), cube]
    return [np.array([_turned(x, y) for x, y in angles]) for angles in sets]


def _turned(across: float, down: float) -> np.ndarray:
    """Return the rotation (3,3) to a camera that is turned to the right and then down, radians."""
    (sx, cx), (sy, cy) = ((math.sin(a), math.cos(a)) for a in (across, down))
    right = np.array([[cx, 0.0, -sx], [0.0, 1.0, 0.0], [sx, 0.0, cx]])
    both: np.ndarray = np.array([[1.0, 0.0, 0.0], [0.0, cy, -sy], [0.0, sy, cy]]) @ right
    return both


def _focal(lens: Lens) -> tuple[float, float]:
    """Return the pixels a radian on the lens's axis, in x and y."""
    near = 1e-4
    x, y = lens.project(np.array([[near, 0.0, 1.0], [0.0, near, 1.0]])) - lens.project(np.array([[0.0, 0.0, 1.0]]))
    return float(abs(x[0]) / near), float(abs(y[1]) / near)


def _face(rotation: np.ndarray, tangents: np.ndarray, focal: tuple[float, float]) -> Camera:
    """Return the face around rays with these tangents (P,2) to its axis."""
    low, high = tangents.min(axis=0), tangents.max(axis=0)
    size = [max(1, math.ceil(side)) for side in (high - low) * focal]
    # Half of what the rounded size has too much goes to each side.
    centre = [0.5 * s - 0.5 * (a + b) * f for s, a, b, f in zip(size, low, high, focal, strict=True)]
    K = np.array([[focal[0], 0.0, centre[0]], [0.0, focal[1], centre[1]], [0.0, 0.0, 1.0]])
    return Camera.placed(rotation.T, np.zeros(3), K, size[0], size[1])


def pixels_of(face: Camera, rays: np.ndarray) -> np.ndarray:
    """Return pixels (P,2) of a face on which rays (P,3) of the lens fall; NaN for rays from behind."""
    pixels, depths = face.project(rays)
    pixels[~(depths > 1e-6)] = np.nan
    return pixels
