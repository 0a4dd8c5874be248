"""A sphere or a box in the scene, moved and turned by a gizmo, that selects what lies in it.

Alphabet: lengths in world units; a pose is a position (3,) and a rotation wxyz (4,).
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from splatseg.errors import PromptError
from splatseg.regions.volumes import in_box, in_sphere
from splatseg.viewer.page.incoming import REFUSED
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import Choice, Slider, add_buttons

NONE, SPHERE, BOX = "None", "Sphere", "Box"

START = 0.12
"""Half of a side at the start, as a share of the distance from the first pose to the point it looks at."""

LEAST, MOST = 0.004, 1.5
"""Shortest and longest half of a side, in the same shares."""

COLOR = (255, 176, 32)
SIDES = ("Width", "Height", "Depth")

OUTLIERS = 0.01
"""Share of a selection's Gaussians on each side that a volume around it leaves out."""


class VolumePanel:
    """One volume of a page."""

    def __init__(self, page: Page) -> None:
        self._page = page
        home = page.scene.home()
        self._unit = math.dist(home.look_at, home.position)
        self._kind = NONE
        self._half = np.full(3, _rounded(START * self._unit, 10.0 ** math.floor(math.log10(LEAST * self._unit))))
        self._position = np.asarray(home.look_at, dtype=np.float64)
        self._wxyz = np.array([1.0, 0.0, 0.0, 0.0])
        # One name a page: whoever sends the pose of another page's gizmo is not heard.
        self._name = f"/volume-{page.client.client_id}"
        self._gizmo: Any = None
        page.offer_named(self._name, lambda value: None if value is None else REFUSED)
        with page.gui.add_folder("By a sphere or a box", expand_by_default=False):
            self._choice = Choice(
                page,
                "Volume",
                (NONE, SPHERE, BOX),
                hint="Drag its arrows and rings in the picture to move and turn it; the sliders change its size.",
            )
            self._choice.on_change(self._show)
            step = 10.0 ** math.floor(math.log10(LEAST * self._unit))
            ends = (step, _rounded(MOST * self._unit, step), step, _rounded(START * self._unit, step))
            self._radius = Slider(page, "Radius", ends, visible=False)
            self._radius.on_change(lambda radius: self._resize((radius, radius, radius)))
            self._sides = [Slider(page, name, ends, visible=False, hint="Half of the side.") for name in SIDES]
            for slider in self._sides:
                slider.on_change(lambda _: self._resize(tuple(each.value for each in self._sides)))
            add_buttons(
                page,
                "What is in it",
                {"Select": self.select, "Around selection": self.fit},
                hint="Select what lies in the volume, with the effect of the tools; or put it around the selection.",
            )

    def select(self) -> None:
        """Select what lies in the volume, add it, or take it away."""
        positions = self._page.scene.splats.positions.astype(np.float64)
        if self._kind == NONE:
            raise PromptError("there is no volume; choose a sphere or a box first")
        if self._kind == SPHERE:
            chosen = in_sphere(positions, self._position, float(self._half[0]))
        else:
            lower, upper = self._position - self._half, self._position + self._half
            chosen = in_box(positions, lower, upper, self._wxyz.tolist())
        if not chosen.any():
            raise PromptError("nothing lies in the volume; drag it over something")
        self._page.workspace.select_gaussians(chosen, self._page.tools.how)

    def fit(self) -> None:
        """Put the volume around the selection."""
        workspace = self._page.workspace
        if not workspace.count:
            raise PromptError("nothing is selected; select something first")
        places = self._page.scene.splats.positions[workspace.members].astype(np.float64)
        lower, upper = np.quantile(places, [OUTLIERS, 1.0 - OUTLIERS], axis=0)
        self._position, self._wxyz = (lower + upper) / 2, np.array([1.0, 0.0, 0.0, 0.0])
        half = np.maximum((upper - lower) / 2, LEAST * self._unit)
        self._half = np.full(3, np.linalg.norm(half)) if self._kind == SPHERE else half
        self._show(BOX if self._kind == NONE else self._kind)

    def refresh(self) -> None:
        """Show the sliders of the volume."""
        self._choice.show(self._kind)
        self._radius.visible = self._kind == SPHERE
        for slider in self._sides:
            slider.visible = self._kind == BOX

    def _resize(self, half: tuple[float, ...]) -> None:
        self._half = np.array(half)
        self._show(self._kind)

    def _show(self, kind: str) -> None:
        self._kind = kind
        self._radius.show(float(self._half[0]))
        for slider, half in zip(self._sides, self._half, strict=True):
            slider.show(float(half))
        scene = self._page.client.scene
        if self._gizmo is not None:
            self._gizmo.remove()
            self._gizmo = None
        if kind == NONE:
            return
        gizmo = scene.add_transform_controls(
            self._name,
            scale=float(1.4 * self._half.max()),
            disable_rotations=kind == SPHERE,
            depth_test=False,
            position=self._position,
            wxyz=self._wxyz,
        )
        gizmo.on_update(self._page.heard(self._moved))
        shape = f"{self._name}/shape"
        if kind == SPHERE:
            scene.add_icosphere(shape, radius=float(self._half[0]), color=COLOR, wireframe=True, subdivisions=2)
        else:
            scene.add_box(shape, dimensions=tuple(2 * self._half), color=COLOR, wireframe=True)
        self._gizmo = gizmo

    @property
    def pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Position (3,) and rotation wxyz (4,) of the volume, world."""
        return self._position, self._wxyz

    def _moved(self, event: Any) -> None:
        self._position = np.asarray(event.target.position, dtype=np.float64)
        self._wxyz = np.asarray(event.target.wxyz, dtype=np.float64)


def _rounded(length: float, step: float) -> float:
    """Return a length as a multiple of a power of ten, without the digits that floats add."""
    return float(f"{round(length / step) * step:.6g}")
