"""What a camera file says about a capture, whichever format it was read from (COLMAP or transforms.json).

Alphabet: V named images, each with its camera as the file states it (not yet matched to the size of the image file);
points (P,3) world units; point_colors (P,3) 0..255.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.cameras.camera import Camera


def no_points() -> tuple[np.ndarray, np.ndarray]:
    """Zero points and zero colours, of the right types."""
    return np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8)


@dataclass(frozen=True, eq=False)
class Reconstruction:
    """Cameras by image name, and the sparse points.

    source: the file or folder read, for messages. image_paths: where each image lies; empty if the format does not say
    (COLMAP). test_names: the held-out images if the format has a split of its own, else None. background: the RGB
    colour that transparent pixels are composited over; None: alpha is ignored. ignore_paths: the ignore masks that the
    format names, by image.
    """

    source: Path
    cameras: dict[str, Camera]
    points: np.ndarray
    point_colors: np.ndarray
    image_paths: dict[str, Path] = field(default_factory=dict)
    test_names: frozenset[str] | None = None
    background: tuple[int, int, int] | None = None
    ignore_paths: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_shapes(points=(self.points, "P 3"), point_colors=(self.point_colors, "P 3"))
        finite = np.isfinite(self.points).all(axis=1)
        if not finite.all():  # a point without a place starts no Gaussian
            object.__setattr__(self, "points", self.points[finite])
            object.__setattr__(self, "point_colors", self.point_colors[finite])
