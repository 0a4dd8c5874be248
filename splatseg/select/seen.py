"""The view at one pixel: its Gaussians, the point in space, the feature. Each is computed once.

Alphabet: N Gaussians, F features; K Gaussians that make up the pixel, front to back, with blending weights w (K,).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError
from splatseg.raster.window import Window
from splatseg.splats.splats import Splats

NEIGHBOURHOOD = 2
"""Pixels on each side of the click that may refine the query."""

SAME_SURFACE = 0.9
"""Pixels and Gaussians at least this similar to the click refine the query."""


class Seen:
    """The view at one click. Use `Session.look`."""

    def __init__(
        self,
        camera: Camera,
        splats: Splats,
        click: tuple[float, float],
        features: Callable[[], np.ndarray],
        prepared: Callable[[tuple[int, int]], Window],
    ) -> None:
        """Raise PromptError for a click outside the image.

        features() returns the unit features (N,F), prepared(pixel) the view where it holds the pixel and NEIGHBOURHOOD
        pixels around it.
        """
        self.pixel: tuple[int, int] = pixel_of(click, camera)
        self.click = click
        self.camera = camera
        self._splats, self._features, self._prepared = splats, features, prepared

    @cached_property
    def _made_of(self) -> tuple[np.ndarray, np.ndarray]:
        found = self._prepared(self.pixel).contributors(torch.tensor([self.pixel]))
        return found.columns.numpy(), found.weights.numpy()

    def most(self, labels: np.ndarray, among: np.ndarray | None = None) -> int:
        """Return the label, of labels (N,), that makes up most of the pixel; 0 also if nothing is seen.

        Labels below 0 are taken for 0.

        among: (L,) bool, the labels 0..L-1 that count; None for all.
        """
        columns, weights = self._made_of
        of_pixel = np.maximum(labels[columns], 0)  # few of the N
        if among is not None:
            weights = weights * among[of_pixel]
        return int(np.bincount(of_pixel, weights=weights, minlength=1).argmax())

    @cached_property
    def xyz(self) -> tuple[float, float, float] | None:
        """The point in space, at the depth where half of the pixel's weight is reached; None if nothing is seen."""
        columns, weights = self._made_of
        if len(columns) == 0:
            return None
        camera, passed = self.camera, torch.from_numpy(weights).cumsum(0)
        half = int(columns[int(torch.searchsorted(passed, 0.5 * passed[-1]))])
        depth = float(self._splats.means[half].double().numpy() @ camera.viewmat[2, :3] + camera.viewmat[2, 3])
        x, y, z = camera.unproject(np.array([self.click]), np.array([depth]))[0].tolist()
        return x, y, z

    @cached_property
    def feature(self) -> np.ndarray:
        """The unit feature (F,), blended at the click and at pixels around it that look alike.

        Raises PromptError if nothing with features is seen.
        """
        grid, features = self._neighbours(), torch.from_numpy(self._features())
        with torch.no_grad():
            blended = self._prepared(self.pixel).blend(features, grid).numpy()
        centre = blended[int(np.flatnonzero((grid.numpy() == self.pixel).all(1))[0])]
        length = float(np.linalg.norm(centre))
        if length < 1e-6:
            column, row = self.pixel
            raise PromptError(f"nothing with features is seen at the click ({column}, {row}); click on the object")
        lengths = np.maximum(np.linalg.norm(blended, axis=1), 1e-12)
        query = blended[blended @ centre >= SAME_SURFACE * lengths * length].sum(0)
        unit: np.ndarray = query / float(np.linalg.norm(query))
        return unit

    def _neighbours(self) -> Tensor:
        camera, (column, row) = self.camera, self.pixel
        columns = np.arange(max(column - NEIGHBOURHOOD, 0), min(column + NEIGHBOURHOOD + 1, camera.width))
        rows = np.arange(max(row - NEIGHBOURHOOD, 0), min(row + NEIGHBOURHOOD + 1, camera.height))
        return torch.from_numpy(np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)).long()


def pixel_of(click: tuple[float, float], camera: Camera) -> tuple[int, int]:
    """Return the pixel (x, y) that a click lies in. Raises PromptError outside the image."""
    column, row = int(np.floor(click[0])), int(np.floor(click[1]))
    if not (0 <= column < camera.width and 0 <= row < camera.height):
        raise PromptError(
            f"the click ({click[0]:g}, {click[1]:g}) is outside the image of {camera.width}x{camera.height} pixels; "
            f"x runs from 0 to {camera.width - 1}, y from 0 to {camera.height - 1}"
        )
    return column, row
