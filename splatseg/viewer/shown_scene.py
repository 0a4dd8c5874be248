"""A scene as the viewer shows it: the modes of its pictures, the first pose, and the view at a camera."""

from __future__ import annotations

import dataclasses
import math
from functools import cache, cached_property
from pathlib import Path

import numpy as np
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.capture.view import View
from splatseg.render.overlays import overlay_segments
from splatseg.render.pictures import fit_feature_colors
from splatseg.run.hold import HeldError, Hold, take_hold
from splatseg.run.on_disk import GONE
from splatseg.scene.first_pose import Pose, home_of_splats, point_of
from splatseg.scene.opening import open_scene, open_together
from splatseg.scene.scene import Scene
from splatseg.viewer.drawing.thumbnails import Thumbnails
from splatseg.viewer.workspace.detail import Detail

MODES = ("color", "features", "segments", "overlay", "similarity", "depth", "masks")
"""All modes of a picture; `ShownScene.modes` are those that a scene has data for."""

SAME_PLACE = 1e-3
"""Tolerance for a camera that stands at a view: distance as a share of the cameras' spread, and direction as the
largest difference between the axes of both cameras (unit vectors)."""


class ShownScene(Scene):
    """A scene shared by the pages of a viewer.

    Attributes:
        drawn: Time of the last picture, by time.monotonic().
        trouble: A sentence for every page: why edits are refused or not kept; "" if all is well.
        read_only: True if nothing of the run may be written, as it is open elsewhere.
    """

    drawn: float = -math.inf
    trouble: str = ""
    read_only: bool = False
    _first: Pose | None = None
    _hold: Hold | None = None
    _overlay: tuple[str, np.ndarray] | None = None

    @cached_property
    def modes(self) -> tuple[str, ...]:
        """The MODES that this scene has data for."""
        there = {"color", "depth"}
        if self._plain.features is not None and bool(self._plain.features.any()):
            there |= {"features", "similarity"}
        if self.table is not None:
            there |= {"segments", "overlay"}
        if self.views and self.run is not None and self.run.settings.masks:
            there |= {"masks"}
        return tuple(mode for mode in MODES if mode in there)

    @property
    def selectable(self) -> bool:
        """True if clicks can select: the scene has features or segments."""
        return "features" in self.modes or self.table is not None

    @cached_property
    def feature_colors(self) -> Tensor:
        """Colours (N,3) of the features, 0..1. Raises RunError for a splat without features."""
        return fit_feature_colors(self._plain).colors

    @cached_property
    def thumbnails(self) -> Thumbnails:
        """Small pictures of the segments."""
        return Thumbnails(self)

    @cached_property
    def detail(self) -> Detail:
        """Levels of detail for drafts of pictures."""
        return Detail(self._plain)

    def warm_up(self) -> None:
        """Compute the data for the first click and the mode `features`; the server does so in a thread at its start."""
        self.session.warm_up()
        if "features" in self.modes:
            _ = self.session.features, self.feature_colors

    def home(self) -> Pose:
        """Return the first pose of every browser; it is computed once."""
        if self._first is None:
            self._first = super().home()
        return self._first

    def turn(self, up: np.ndarray) -> None:
        """Change the first pose of every browser to another up (3,)."""
        if self.views:
            self._first = dataclasses.replace(self.home(), up=point_of(up / np.linalg.norm(up)))
        else:
            self._first = home_of_splats(self._plain, up / np.linalg.norm(up))

    def watch(self, address: str) -> bool:
        """Hold the run for a viewer at an address, and look what became of it; return True if `trouble` changed.

        Without the hold the scene is read-only. Called at intervals: when the holder has ended and nothing was changed,
        the scene can be edited; and when the run is back where it was, what was not kept is saved.
        """
        before = self.trouble
        disk, self.trouble = None if self.keeper is None else self.keeper.disk, ""
        if self.run is not None and self.run.gone:
            self.trouble = GONE.format(path=self.run.path)
        elif self._hold is None:
            self.trouble = self._claim(address)
        elif disk is not None:
            self.trouble = disk.trouble
        self.read_only = self._hold is None and bool(self.trouble)
        if self.table is not None:
            self.table.refusal = self.trouble if self.read_only else ""
        if self.keeper is not None and not self.trouble:
            self.keeper.again()
            self.keeper.keep_undo()
        return self.trouble != before

    def _claim(self, address: str) -> str:
        """Hold the run; return a sentence if that cannot be, or comes too late."""
        if self.run is None:
            return ""
        keeper, doing = self.keeper, "splatseg view"
        try:
            hold = take_hold(self.run.path, doing) if keeper is None else keeper.hold(doing)
        except HeldError as error:
            return f"Read-only: {error}"
        if keeper is not None and keeper.disk.trouble:
            keeper.lasting = None
            hold.release()
            return f"Read-only: {keeper.disk.trouble}"
        hold.tell(address)
        self._hold = hold
        return ""

    def close(self) -> None:
        """Write what is not saved yet, then let others have the run."""
        self.detail.close()
        super().close()
        if self._hold is not None:
            self._hold.release()

    def view_at(self, camera: Camera) -> View | None:
        """Return the view of the capture with a camera's position and direction, at any zoom; None if there is none."""
        if not self.views:
            return None
        places, axes, spread = self._poses
        apart = np.linalg.norm(places - camera.position, axis=1)
        turned = np.abs(axes - camera.viewmat[:3, :3]).max((1, 2))
        nearest = int((apart / spread + turned).argmin())
        same = apart[nearest] <= SAME_PLACE * spread and turned[nearest] <= SAME_PLACE
        return self.views[nearest] if same else None

    @cached_property
    def _poses(self) -> tuple[np.ndarray, np.ndarray, float]:
        places = np.array([view.camera.position for view in self.views])
        axes = np.array([view.camera.viewmat[:3, :3] for view in self.views])
        spread = float(np.linalg.norm(places - places.mean(0), axis=1).max())
        return places, axes, spread if spread > 0 else 1.0

    def input_mask_overlay(self, view: View) -> np.ndarray | None:
        """Return the photograph of a view tinted by the run's input masks, (H,W,3) uint8; None if it has no masks.

        Raises MaskError or CaptureError for masks or a photograph that cannot be read.
        """
        if self.run is None or not self.run.settings.masks:
            return None
        kept = self._overlay
        if kept is None or kept[0] != view.name:
            segments = self.run.masks().read(view)
            if segments is None:
                return None
            kept = self._overlay = (view.name, overlay_segments(view.shown(), segments.flattened()))
        return kept[1]


@cache
def why_not(mode: str) -> str:
    """Return the reason why a scene does not have a mode: what it lacks, and what to do."""
    needs = {
        "features": "features; make them with `splatseg segment RUN --masks DIR`",
        "similarity": "features to compare; make them with `splatseg segment RUN --masks DIR`",
        "segments": "segments; make them with `splatseg segment RUN --masks DIR`",
        "overlay": "segments; make them with `splatseg segment RUN --masks DIR`",
        "masks": "input masks; open a run that was made with some",
    }
    if mode in needs:
        return f"there is nothing to show as '{mode}': the scene has no {needs[mode]}"
    return f"there is no mode {mode!r}; the modes are {', '.join(MODES)}"


def open_shown(path: Path, *others: Path) -> ShownScene:
    """Open a run folder or a splat file for the viewer, or several together; files that a run lacks become `warnings`.

    Raises RunError for a folder that is not a run or whose fit has not finished, SplatFileError for a file that cannot
    be read.
    """
    scene = open_together([path, *others], ShownScene) if others else open_scene(path, ShownScene, lenient=True)
    if scene.keeper is not None:
        # A closure over the scene's attributes, not over the scene: the keeper must not keep the scene alive.
        shown = scene.__dict__
        scene.keeper.drawn = lambda: shown.get("drawn", -math.inf)
    return scene
