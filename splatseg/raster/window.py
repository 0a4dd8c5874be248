"""The part of a camera's picture around a pixel, prepared alone: a click does not wait for the whole view.

    window = prepare_window(means, quats, scales, opacities, reaches, camera, (x, y), around=2)
    found = window.contributors(pixels)         as `interface.contributors`, to the bit; rows of all N Gaussians

A window is made of whole tiles. The Gaussians that may be drawn in it (`raster.sight`) are prepared with the camera of
the whole picture: each is projected to the same bits, equal depths stand in the order of the rows, and so the tiles of
the window have the lists that they have in the whole view. Pixels beside the window lack Gaussians.

Alphabet: N Gaussians; n of them may be drawn in the window; P pixels; F channels.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.raster.interface import Plan, contributors, prepare, rasterize_pixels
from splatseg.raster.sight import Groups, Rectangle, rows_in_sight
from splatseg.raster.weights import SparseWeights

TILE = 32
"""Side of a tile, pixels (native/raster/raster.h)."""

BESIDE = 1.0
"""Pixels beside a tile at which a Gaussian may end and still be listed in it, for pixel centres and for rounding."""


@dataclass(frozen=True, eq=False)
class Window:
    """Geometry prepared for some pixels of a camera's picture."""

    plan: Plan
    """The plan of those Gaussians that may be drawn in the window, for the whole picture."""
    rows: Tensor | None
    """Their rows (n,) int64 among all, ascending; None if the plan has all."""
    count: int
    """N."""
    left: int
    """First column of the window."""
    top: int
    """First row of pixels."""
    right: int
    """The column after the last."""
    bottom: int
    """The row of pixels after the last."""

    @classmethod
    def of(cls, plan: Plan) -> Window:
        """Return the window that is the whole picture of a plan of all Gaussians."""
        return cls(plan, None, plan.count, 0, 0, plan.camera.width, plan.camera.height)

    def holds(self, pixel: tuple[int, int], around: int = 0) -> bool:
        """Return True if a pixel (x, y) and those up to `around` beside it are in the window, or not in the picture."""
        (x, y), camera = pixel, self.plan.camera
        columns = self.left <= max(x - around, 0) and min(x + around, camera.width - 1) < self.right
        return columns and self.top <= max(y - around, 0) and min(y + around, camera.height - 1) < self.bottom

    def contributors(self, pixels: Tensor) -> SparseWeights:
        """Return the weights of pixels (P,2) int64 (x, y) of the window, (P,N), as `interface.contributors`."""
        found = contributors(self.plan, pixels)
        if self.rows is None:
            return found
        columns = self.rows[found.columns.long()].int()
        return SparseWeights(found.indptr, columns, found.weights, self.count)

    def blend(self, features: Tensor, pixels: Tensor) -> Tensor:
        """Blend features (N,F) at pixels (P,2) of the window, (P,F), as `interface.rasterize_pixels`."""
        return rasterize_pixels(self.plan, features if self.rows is None else features[self.rows], pixels)


def prepare_window(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    reaches: np.ndarray,
    camera: Camera,
    pixel: tuple[int, int],
    around: int = 0,
    groups: Groups | None = None,
) -> Window:
    """Prepare frozen geometry (N,...), on the processor, for a pixel (x, y) and those up to `around` pixels beside it.

    reaches (N,) float32: the largest scale of each Gaussian, world units. groups: of these Gaussians; they save time.
    """
    left, top = (max(at - around, 0) // TILE * TILE for at in pixel)
    right, bottom = ((at + around) // TILE * TILE + TILE for at in pixel)
    window: Rectangle = (left - BESIDE, top - BESIDE, right + BESIDE, bottom + BESIDE)
    rows = torch.from_numpy(rows_in_sight(means, reaches, camera, window, groups))
    some = [part.detach()[rows] for part in (means, quats, scales, opacities)]
    plan = prepare(some[0], some[1], some[2], some[3], camera)
    return Window(plan, rows, len(means), left, top, right, bottom)
