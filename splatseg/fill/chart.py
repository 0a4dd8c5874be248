"""A square of a plane seen from far above, as a grid of cells: which cells a layer of Gaussians covers, and by what.

The rasteriser draws it, so that a cell is covered as a pixel of a photograph would be. The camera is so far away that
its rays are all but parallel.

Alphabet: G x G cells; N Gaussians, C values of each; heights in world units.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from splatseg.cameras.camera import Camera, centred_lens
from splatseg.fill.plane import Plane
from splatseg.raster.interface import accumulate, rasterize_plan
from splatseg.splats.splats import Splats

CELLS = 160
"""Cells of a side: some 60 across an object."""

FAR = 50.0
"""Distance of the camera in half sides: at the border its rays are one degree from the normal."""


@dataclass(frozen=True, eq=False)
class Chart:
    """A square of a plane, around a centre."""

    plane: Plane
    """The plane."""

    centre: np.ndarray
    """The centre (3,), a point of the plane."""

    half: float
    """Half of a side, world units."""

    @property
    def step(self) -> float:
        """Side of a cell, world units."""
        return 2 * self.half / CELLS

    @cached_property
    def camera(self) -> Camera:
        """The camera above: right in its picture is the first axis of the plane, down the negative second."""
        first, second = self.plane.axes
        rotation = np.stack([first, -second, -self.plane.normal], axis=1)
        position = self.centre + FAR * self.half * self.plane.normal
        return Camera.placed(rotation, position, centred_lens(0.5 * FAR * CELLS, CELLS, CELLS), CELLS, CELLS)

    def draw(self, splats: Splats, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean of values (N,C) in each cell, (G,G,C) float64, 0 where nothing is, and alphas (G,G)."""
        blended, alphas = rasterize_plan(splats.prepare(self.camera), torch.from_numpy(values.astype(np.float32)))
        covered = alphas.double().numpy()
        return blended.double().numpy() / np.maximum(covered, 1e-3)[..., None], covered

    def alphas(self, splats: Splats) -> np.ndarray:
        """Return the alphas (G,G) of Gaussians seen from above."""
        alphas: np.ndarray = self.draw(splats, np.zeros((len(splats), 1)))[1]
        return alphas

    def shares_within(self, splats: Splats, region: np.ndarray) -> np.ndarray:
        """Return the share (N,) of each Gaussian's light, seen from above, that lies in a region (G,G) bool."""
        both = torch.from_numpy(np.stack([region, np.ones_like(region)], -1).astype(np.float32))
        sums = accumulate(splats.prepare(self.camera), both).double().numpy()
        shares: np.ndarray = np.divide(sums[:, 0], sums[:, 1], out=np.zeros(len(sums)), where=sums[:, 1] > 0)
        return shares

    def cells(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the rows and columns (P,) of the cells that points (P,3) lie in, those outside moved to the border."""
        pixels, _ = self.camera.project(points)
        columns, rows = np.clip(np.nan_to_num(np.floor(pixels), nan=-1.0), 0, CELLS - 1).astype(int).T
        return rows, columns

    def way(self, rows: int, columns: int) -> np.ndarray:
        """Return the way in the world (3,) that a number of rows and columns is."""
        first, second = self.plane.axes
        way: np.ndarray = self.step * (columns * first - rows * second)
        return way
