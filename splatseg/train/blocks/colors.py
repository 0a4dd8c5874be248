"""Colours of photographs in a fit in blocks: found once, by the common start, and the same for all cells.

What cells found on their own would differ, and with it the colours of the splat on both sides of a seam.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from torch import Tensor

from splatseg.capture.view import View
from splatseg.raster.interface import Plan, rasterize_plan
from splatseg.render.affine_color import with_affine_color
from splatseg.render.rgb import view_colors
from splatseg.splats.splats import Splats
from splatseg.train.color_correction import ColorCorrection
from splatseg.train.context import over
from splatseg.train.photographs import Photographs, at_resolution
from splatseg.train.settings import TrainSettings


class FixedColors:
    """Corrections of photographs that do not change any more (`train.color_correction.Correction`)."""

    def __init__(self, views: Sequence[View], offsets: np.ndarray, strength: float) -> None:
        """Take the offsets (V,4,3) of the photographs of views, and the strength that they have been scaled with."""
        self._offsets = {view.photograph: offset for view, offset in zip(views, offsets, strict=True)}
        self._strength = strength

    @property
    def state(self) -> dict[str, Tensor]:
        """Nothing: nothing changes."""
        return {}

    @property
    def strength(self) -> float | None:
        """Factor of the corrections, 0 for none."""
        return self._strength

    def of(self, view: View) -> np.ndarray:
        """Return the offset (4,3) float64 of the map from the splat's colours to those of a view's photograph."""
        offset: np.ndarray = self._offsets[view.photograph]
        return offset

    def corrected(self, step: int, view: View, image: Tensor, target: Tensor, hidden: Tensor | None) -> Tensor:
        """Return the image (H,W,3) in the colours of its photograph."""
        del step, target, hidden
        return with_affine_color(image, self.of(view)) if self._strength else image


class ColorsFound:
    """Finds the corrections of all photographs with one splat, view by view."""

    def __init__(
        self, splats: Splats, views: Sequence[View], photographs: Photographs, settings: TrainSettings
    ) -> None:
        """Begin. photographs: of the views."""
        self._splats, self._views, self._photographs, self._settings = splats, tuple(views), photographs, settings
        self._rows = {view.name: row for row, view in enumerate(views)}
        self._found = ColorCorrection(views, 0, settings.color_correction == "always")

    def look(self, view: View, plan: Plan) -> None:
        """Compare a view's photograph with the splat's picture, of which the plan is."""
        splats, camera = self._splats, plan.camera
        photograph, ignored = self._photographs[self._rows[view.name]]
        coarse = camera.width != view.camera.width
        _, target, hidden = at_resolution(view.camera, photograph, ignored, coarse)
        colors = view_colors(splats.means, splats.sh0, splats.shN, camera, splats.sh_degree)
        image = over(*rasterize_plan(plan, colors), self._settings.background)
        self._found.observe(view, image, target, hidden)

    def decided(self) -> tuple[np.ndarray, float]:
        """Return the offsets (V,4,3) of the views and the strength that they have been scaled with."""
        self._found.decide()
        offsets = np.stack([self._found.of(view) for view in self._views])
        return offsets, float(self._found.strength or 0.0)


def uncorrected(count: int) -> tuple[np.ndarray, float]:
    """Return the offsets (count,4,3) and the strength of photographs that are taken as they are."""
    return np.zeros((count, 4, 3)), 0.0
