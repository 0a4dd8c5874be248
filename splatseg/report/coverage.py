"""Measures the parts of a held-out view that training views have not seen: no fit can show them.

Every pixel of a held-out view shows a point of the splat's surface. A training view has seen the point if it lies in
its picture, is not behind what it sees there, and is seen from the same side: from a direction less than 90 degrees
away, beyond which two views of a round thing have less than half of what they see in common. Surface that a single view
has seen can be at any depth, so two views must have. A pixel without surface shows nothing at all.

The pictures are small (`SIDE`): a share of the pixels is asked for, and it takes some 10 ms a view.

Alphabet: h x w pixels of a small picture; P of them with a surface.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.machine.threads import in_order
from splatseg.render.rgb import render_surface
from splatseg.splats.splats import Splats

SIDE = 120
"""Pixels of the longer side of a small picture."""

ENOUGH = 2
"""Training views that must have seen a surface, so that its depth is known."""

STEEPEST = np.tan(np.radians(75.0))
"""Depth from one pixel to the next on a surface turned by 75 degrees, in sides of a pixel: a point so far behind the
surface that a training view sees in its pixel may be on that surface."""


@dataclass(frozen=True)
class Unseen:
    """Shares of the pixels of a view, 0..1."""

    empty: float
    """No surface."""
    few: float
    """Surface that fewer than `ENOUGH` training views have seen."""

    @property
    def share(self) -> float:
        """All that the fit cannot show."""
        return self.empty + self.few


class Coverage:
    """The surfaces of a splat that the training views of its fit see."""

    def __init__(self, splats: Splats, cameras: Sequence[Camera]) -> None:
        """Render the surface as each camera of a training view sees it."""
        self._splats = splats
        small = [_small(camera) for camera in cameras]
        surfaces = in_order(lambda camera: _surface(splats, camera), small, splats.is_mapped)
        self._seen = list(zip(small, surfaces, strict=True))

    def unseen(self, camera: Camera, ignored: np.ndarray | None = None) -> Unseen:
        """Return how much of a camera's picture the training views have not seen; ignored (H,W) bool does not count."""
        small = _small(camera)
        depths = _surface(self._splats, small)
        counted = np.ones(depths.shape, dtype=bool)
        if ignored is not None:
            rows = (np.arange(small.height) * camera.height) // small.height
            columns = (np.arange(small.width) * camera.width) // small.width
            counted = ~ignored[np.ix_(rows, columns)]
        if not counted.any():
            return Unseen(0.0, 0.0)
        y, x = np.nonzero(counted & (depths > 0))
        points = small.unproject(np.stack([x, y], axis=1) + 0.5, depths[y, x])
        times = sum((self._sees(small, points, other, surface) for other, surface in self._seen), np.zeros(len(points)))
        total = float(counted.sum())
        return Unseen(1.0 - len(points) / total, float((times < ENOUGH).sum()) / total)

    @staticmethod
    def _sees(camera: Camera, points: np.ndarray, other: Camera, surface: np.ndarray) -> np.ndarray:
        """Return which points (P,3), seen by a camera, another has seen, too: (P,) bool."""
        pixels, depths = other.project(points)
        with np.errstate(invalid="ignore"):
            inside = (depths > 0) & (pixels >= 0).all(axis=1) & (pixels < [other.width, other.height]).all(axis=1)
        x, y = np.where(inside[:, None], pixels, 0).astype(np.int64).T
        tolerance = STEEPEST / min(other.K[0, 0], other.K[1, 1])
        in_sight = depths <= surface[y, x] * (1.0 + tolerance)
        same_side = np.einsum("pi,pi->p", points - camera.position, points - other.position) > 0
        seen: np.ndarray = inside & in_sight & same_side
        return seen


def _small(camera: Camera) -> Camera:
    return camera.scaled(min(1.0, SIDE / max(camera.width, camera.height)))


@torch.no_grad()
def _surface(splats: Splats, camera: Camera) -> np.ndarray:
    depths: np.ndarray = render_surface(splats, camera).numpy().astype(np.float64)
    return depths
