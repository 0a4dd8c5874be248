"""Cameras and points as the files of a capture state them, COLMAP's or transforms.json.

Alphabet: V named images, each with its camera as the file states it (not yet matched to the size of the image file);
points (P,3) world units; point_colors (P,3) 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.cameras.coordinates import OWN, Coordinates, coordinates_around
from splatseg.cameras.lens_camera import AnyCamera


def no_points() -> tuple[np.ndarray, np.ndarray]:
    """Return zero points (0,3) float32 and zero colours (0,3) uint8."""
    return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Cameras by image name, and the sparse points. Points that are not finite are dropped."""

    source: Path
    """File or folder that was read, for messages."""

    cameras: dict[str, AnyCamera]
    """Camera of each image, by name."""

    points: np.ndarray
    """Sparse points (P,3), world units."""

    point_colors: np.ndarray
    """Colours of the points, (P,3), 0..255."""

    image_paths: dict[str, Path] = field(default_factory=dict)
    """File of each image, by name; empty if the format does not state it (COLMAP)."""

    test_names: frozenset[str] | None = None
    """Names of the held-out images if the format has a split of its own, else None."""

    background: tuple[int, int, int] | None = None
    """RGB colour that transparent pixels are composited over; None: alpha is ignored."""

    ignore_paths: dict[str, Path] = field(default_factory=dict)
    """Ignore masks that the format names, by image name."""

    def __post_init__(self) -> None:
        check_shapes(points=(self.points, "P 3"), point_colors=(self.point_colors, "P 3"))
        finite = np.isfinite(self.points).all(axis=1)
        if not finite.all():  # no Gaussian can start at a point that is not finite
            object.__setattr__(self, "points", self.points[finite])
            object.__setattr__(self, "point_colors", self.point_colors[finite])

    def coordinates(self) -> Coordinates:
        """Return the coordinates to compute in (`cameras.coordinates`): around the cameras."""
        positions = np.array([camera.position for camera in self.cameras.values()])
        return coordinates_around(positions, self.points) if len(positions) else OWN

    def in_world(self, coordinates: Coordinates) -> Reconstruction:
        """Return the same in the world of coordinates, points as float32; those beyond it are dropped."""
        cameras = {name: coordinates.camera_inwards(camera) for name, camera in self.cameras.items()}
        points = self.points if coordinates.is_own else coordinates.inwards(self.points)
        with np.errstate(over="ignore"):  # coordinates beyond float32 become infinite, and are dropped
            return replace(self, cameras=cameras, points=points.astype(np.float32))
