"""The user's own coordinates, and the world that is computed in.

    own = scale * world + centre

float32 has 24 bits. A capture in coordinates of a survey (UTM: millions of metres) leaves none of them to a picture's
pixels, and one in metres under a microscope lies within the near plane. Such a capture is moved into a world around its
cameras, of a size near 1, as it is read, in float64; results that are written are in the user's own coordinates again.
Other captures are left as they are: world and own coordinates are then the same.

The centre is a multiple of a power of two near the size, and the scale is one, so that moving rounds little.

Alphabet: points (P,3); positions (V,3) of cameras.
"""

from __future__ import annotations

import dataclasses
import math
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens_camera import LensCamera

Seen = TypeVar("Seen", bound=Camera | LensCamera)

FARTHEST = 8.0
"""Distance of the origin, in sizes, up to which coordinates stay: the last steps of a fit are 1.6e-6 sizes, and from 16
sizes on float32 rounds half of them away."""

SMALLEST, LARGEST = 2.0**-2, 2.0**14
"""Sizes between which coordinates stay. The near plane, at 0.01, has to be near; squares and volumes need room."""


@dataclass(frozen=True)
class Coordinates:
    """The user's own coordinates of a world: own = scale * world + centre.

    Example:
        >>> capture.coordinates.is_own
        True
    """

    centre: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Origin of the world, in the user's own coordinates."""

    scale: float = 1.0
    """Length of the world's unit in the user's own coordinates, above 0."""

    @property
    def is_own(self) -> bool:
        """True if the world is the user's own."""
        return self == OWN

    def inwards(self, points: np.ndarray) -> np.ndarray:
        """Return points (P,3), float64, in the world, given those in the user's own coordinates."""
        moved: np.ndarray = (np.asarray(points, dtype=np.float64) - self.centre) / self.scale
        return moved

    def outwards(self, points: np.ndarray) -> np.ndarray:
        """Return points (P,3), float64, in the user's own coordinates, given those in the world."""
        moved: np.ndarray = np.asarray(points, dtype=np.float64) * self.scale + self.centre
        return moved

    def camera_inwards(self, camera: Seen) -> Seen:
        """Return a camera in the world, given that in the user's own coordinates."""
        return camera if self.is_own else dataclasses.replace(camera, viewmat=self._inwards(camera.viewmat))

    def camera_outwards(self, camera: Seen) -> Seen:
        """Return a camera in the user's own coordinates, given that in the world."""
        return camera if self.is_own else dataclasses.replace(camera, viewmat=self._outwards(camera.viewmat))

    def _inwards(self, viewmat: np.ndarray) -> np.ndarray:
        # x_camera = R own + t = s (R world + (R c + t) / s), and a camera sees no difference in s. Neither R needs to
        # be a rotation to the last digit: files round it, and metres would be lost a million metres away.
        moved = viewmat.copy()
        moved[:3, 3] = (viewmat[:3, :3] @ np.array(self.centre) + viewmat[:3, 3]) / self.scale
        return moved

    def _outwards(self, viewmat: np.ndarray) -> np.ndarray:
        moved = viewmat.copy()
        moved[:3, 3] = viewmat[:3, 3] * self.scale - viewmat[:3, :3] @ np.array(self.centre)
        return moved

    def __str__(self) -> str:
        """Describe it in words: "around (400000, 5000000, 100)"."""
        around = f"around ({', '.join(f'{value:.12g}' for value in self.centre)})"
        return around if self.scale == 1.0 else f"{around} in units of {self.scale:.6g}"


OWN = Coordinates()
"""Coordinates of a world that is the user's own."""


def coordinates_around(positions: np.ndarray, points: np.ndarray | None = None) -> Coordinates:
    """Return the coordinates to compute in around positions (V,3), V > 0, of cameras or Gaussians.

    points: what the cameras see, (P,3). The size is that of the box the positions are spread over, or the distance of
    most points if that is more; 1 if there is neither.
    """
    if not np.isfinite(positions).all():
        return OWN
    centre = np.median(positions, axis=0)
    size = 2.0 * float(np.quantile(np.linalg.norm(positions - centre, axis=1), 0.9))
    if points is not None and len(points):
        size = max(size, float(np.median(np.linalg.norm(points - centre, axis=1))))
    return coordinates_at(centre, size)


def coordinates_at(centre: np.ndarray, size: float) -> Coordinates:
    """Return the coordinates to compute in around a centre (3,), for what is so large (0: of no size)."""
    size = size or 1.0
    if not size < math.inf:
        return OWN
    fits = SMALLEST <= size <= LARGEST
    if fits and float(np.abs(centre).max()) <= FARTHEST * size:
        return OWN
    unit = 2.0 ** math.floor(math.log2(size))
    x, y, z = (np.round(centre / unit) * unit).tolist()
    return Coordinates((x, y, z), 1.0 if fits else unit)
