"""A ruler: two clicks on surfaces, and the distance between what they show.

Alphabet: points (3,) in the user's own coordinates; lengths in their units.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.render.distance import surface_point
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import add_checkbox, assign, on_change

COLOR = (255, 64, 160)
"""Colour of the drawn ruler: pink, which few captures have."""

FIRST = "*Click one end of what is to be measured.*"
SECOND = "*Click the other end.*"
MEASURED = (
    "**{length:.4g} units.** `splatseg export --length VIEW X,Y X,Y METRES` writes in metres, if one length is known."
)


class Ruler:
    """Measures distances in the scene of a page, while it is switched on."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._points: list[np.ndarray] = []
        self._drawn: list[Any] = []
        with page.gui.add_folder("Ruler", expand_by_default=False):
            switch = add_checkbox(page, "Measure", False, hint="Clicks then measure instead of selecting.")
            self._text = page.gui.add_markdown("", visible=False)
        on_change(page, switch, self.use)

    def use(self, on: bool) -> None:
        """Switch the ruler on or off; it begins anew."""
        self._points = []
        self._page.tools.take_clicks(self._clicked, on)
        self._show()
        assign(self._text, "visible", on)

    def _clicked(self, camera: Camera, pixel: tuple[float, float]) -> bool:
        point = surface_point(self._page.scene.splats, camera, pixel, "the picture")
        self._points = [*self._points, point] if len(self._points) < 2 else [point]
        self._show()
        return True

    def _show(self) -> None:
        """Draw the ends and the line between them, and say the distance."""
        for drawn in self._drawn:
            drawn.remove()
        self._drawn = []
        if self._points:
            ends = self._page.scene.splats.coordinates.inwards(np.array(self._points)).astype(np.float32)
            scene = self._page.client.scene
            lines = np.stack([ends[0], ends[-1]])[None]
            self._drawn = [
                scene.add_point_cloud("/ruler/ends", ends, COLOR, point_size=self._page.marker_size),
                scene.add_line_segments("/ruler/line", lines, COLOR, thickness=2.0, thickness_units="screen"),
            ]
        if len(self._points) == 2:
            length = float(np.linalg.norm(self._points[0] - self._points[1]))
            assign(self._text, "content", MEASURED.format(length=length))
        else:
            assign(self._text, "content", SECOND if self._points else FIRST)

    def refresh(self) -> None:
        """Nothing of the workspace is shown here."""
