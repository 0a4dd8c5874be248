"""Regions in a workspace: what is drawn on its picture, volumes, colours, ranges and floods change its selection.

    tools = RegionTools(workspace)
    tools.drawn(camera, lasso_pixels(points, camera.width, camera.height), "visible", how="add")

Hidden Gaussians are never taken. Each call is one step of the history; moves of one slider are one step together.

Alphabet: N Gaussians; H x W pixels; pixels (x, y) of the camera they come with.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError
from splatseg.regions.alike import Range
from splatseg.regions.sight import Sights
from splatseg.select.prompt import Prompt
from splatseg.viewer.workspace.history import bits_of
from splatseg.viewer.workspace.prompting import ask, placed_in
from splatseg.viewer.workspace.workspace import How, Workspace

Takes = Literal["objects", "visible", "everything"]
"""Effect of what is drawn: the object that it covers, what is seen in it, or all that lies in it, seen or not."""


class RegionTools:
    """Changes the selection of a workspace by regions. A change that is not possible raises PromptError."""

    def __init__(self, workspace: Workspace) -> None:
        self._workspace = workspace
        self._sights = Sights()
        self._base: np.ndarray | None = None

    def drawn(self, camera: Camera, region: np.ndarray, takes: Takes, how: How = "new") -> None:
        """Select what a region (H,W) bool of the picture takes, add it, or take it away.

        Raises PromptError for a region that takes nothing, and `objects` as a mask prompt does.
        """
        workspace = self._workspace
        if takes == "objects":
            chosen = self._object(camera, region)
        else:
            session = workspace.session
            chosen = workspace.scene.regions.drawn(camera, region, takes == "visible", session, self._sights)
        if not chosen.any():
            raise PromptError("nothing lies in what was drawn; draw it over something")
        workspace.select_gaussians(chosen, how)

    def look(self, camera: Camera, takes: Takes = "visible") -> None:
        """Prepare for strokes in the picture of a camera, so that the first one is as quick as those after it."""
        if takes != "objects":
            self._sights.sight(self._workspace.session, camera).look(takes == "visible")

    def alike(self, camera: Camera, pixel: tuple[float, float], tolerance: float, how: How = "new") -> None:
        """Select all of the colour at a pixel, within a tolerance in OKLab, add it, or take it away."""
        workspace = self._workspace
        workspace.select_gaussians(workspace.scene.regions.alike(camera, pixel, tolerance, workspace.session), how)

    def flood(self, tolerance: float | None = None, steps: int | None = None) -> None:
        """Select what touches the selection, too, and what touches that: `steps` times, or until a gap.

        tolerance: largest distance in OKLab between the colours of two that touch; None for any.
        """
        workspace = self._workspace
        if not workspace.count:
            raise PromptError("nothing is selected; select something first, and it is flooded from there")
        hidden = workspace.hidden
        within = None if hidden is None else ~hidden
        flooded = workspace.scene.regions.flooded(workspace.members, steps, tolerance, within)
        if np.array_equal(flooded, workspace.members):
            raise PromptError("nothing more touches the selection; raise the tolerance, or draw beyond the gap")
        workspace.select_gaussians(flooded)

    def between(self, opacity: Range | None, size: Range | None, how: How = "new") -> None:
        """Select the Gaussians with an opacity and a size in ranges; moves in a row start from the same selection."""
        workspace = self._workspace
        with workspace.lock:
            if self._base is None or workspace.slider != "ranges":
                self._base = workspace.members
            before, chosen = self._base, workspace.scene.regions.between(opacity, size)
            if workspace.hidden is not None:
                chosen &= ~workspace.hidden
            joined = {"new": chosen, "add": before | chosen, "remove": before & ~chosen}
            workspace.select_gaussians(joined[how], slider="ranges")

    def _object(self, camera: Camera, region: np.ndarray) -> np.ndarray:
        """Return the object (N,) bool that a region covers, by itself, whatever is selected."""
        workspace = self._workspace
        alone = replace(workspace.step, start=None, prompts=(), members=bits_of(np.zeros_like(workspace.members)))
        placed = placed_in(workspace.session, Prompt(camera, mask=region), alone)
        return ask(workspace.scene, workspace.session_without, alone, placed)
