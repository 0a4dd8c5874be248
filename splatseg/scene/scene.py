"""What all who look at one scene share: the splat, what is known of it, the table of its segments, the capture's views.

    scene = Scene.open(path)        a run folder, or any splat file
    workspace = Workspace(scene)    one browser's
    scene.close()                   when nobody looks any more: what is still unsaved is written

Nothing here changes but the table. Its states are values that are exchanged, never changed: who draws takes the state
there is and is not disturbed by whoever edits. `lock` is held by who edits.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.capture.capture import View
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import SplatsegError
from splatseg.formats.read import load_splats
from splatseg.render.overlays import overlay_segments
from splatseg.render.pictures import fit_feature_colors
from splatseg.run.folder import Run, open_run
from splatseg.scene.first_pose import Pose, home_of_splats, home_of_views
from splatseg.scene.table import SegmentTable, table_of_file, table_of_run
from splatseg.select.knowledge import Knowledge
from splatseg.select.session import Session
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement

MODES = ("color", "features", "segments", "overlay", "similarity", "depth", "masks")
"""What a picture can show; `Scene.modes` are those that a scene has something for."""

SAME_PLACE = 1e-3
"""A camera stands where a view was taken if it is no farther from it than this share of the cameras' spread, and looks
the same way to within as many radians."""


T = TypeVar("T")


CUTS_KEPT = 16
"""Cuts of the hierarchy that are kept, 4 N bytes each: a slider that goes back finds them again."""


class Scene:
    """A splat to look at. views: those of its capture, () without one; warnings: sentences on what is missing."""

    def __init__(
        self,
        splats: Splats,
        name: str,
        table: SegmentTable | None = None,
        views: tuple[View, ...] = (),
        agreement: Agreement | None = None,
        hierarchy: Hierarchy | None = None,
        run: Run | None = None,
    ) -> None:
        self.name, self.run, self.views = name, run, views
        self.agreement, self.hierarchy, self.table = agreement, hierarchy, table
        self.session = Session(splats)
        self.warnings: list[str] = []
        self.lock = threading.RLock() if table is None else table.lock
        self.drawn = -math.inf  # when a picture was drawn last, time.monotonic()
        self._plain = splats
        self._knowledge: dict[float | None, Knowledge] = {}
        self._overlay: tuple[str, np.ndarray] | None = None

    @classmethod
    def open(cls, path: Path) -> Scene:
        """The scene of a run folder or of a splat file. What a run lacks beside its splat is told in `warnings`.

        Raises RunError for a folder that is not a run or whose fit has not finished, SplatFileError for a file that
        cannot be read.
        """
        path = Path(path)
        if not path.is_dir():
            splats, _ = load_splats(path)
            return cls(splats, path.name, table_of_file(splats))
        run = open_run(path)
        splats, warnings = run.splats(), list[str]()
        scene = cls(splats, path.resolve().name, run=run)
        scene.warnings = warnings
        scene.views = _or_warn(warnings, lambda: run.capture.views) or ()
        scene.agreement = _or_warn(warnings, lambda: run.agreement(splats))
        scene.hierarchy = _or_warn(warnings, lambda: run.hierarchy(splats))
        scene.table = table_of_run(run, splats, scene.views, scene.hierarchy)
        if scene.table is not None:
            if not scene.views:
                warnings.append("without views, edits of segments do not reach the label maps in masks/")
            scene.lock = scene.table.lock
            if scene.table.keeper is not None:
                scene.table.keeper.drawn = lambda: scene.drawn
        return scene

    @property
    def splats(self) -> Splats:
        """The splat, with the segments of the table as it is now."""
        if self.table is None:
            return self._plain
        return self._plain.replace(segment_ids=torch.from_numpy(self.table.ids))

    @property
    def background(self) -> tuple[float, float, float]:
        """What stands behind the scene, 0..1: that of the run's fit, black for a file."""
        return (0.0, 0.0, 0.0) if self.run is None else self.run.settings.train.background

    @cached_property
    def modes(self) -> tuple[str, ...]:
        """Those of MODES that this scene has something to show for."""
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
        """Whether there is anything that a click could select by: features or segments."""
        return "features" in self.modes or self.table is not None

    @cached_property
    def feature_colors(self) -> Tensor:
        """Colours (N,3) in 0..1 of the features. Raises RunError for a splat that has none."""
        return fit_feature_colors(self._plain).colors

    def knowledge(self, granularity: float | None) -> Knowledge:
        """What prompts can ask beside the splat; the cut at a granularity is made once for all who ask for it."""
        with self.lock:
            known = self._knowledge.get(granularity)
            if known is None:
                if len(self._knowledge) >= CUTS_KEPT:
                    self._knowledge.pop(next(iter(self._knowledge)))
                known = self._knowledge[granularity] = Knowledge(
                    self.agreement, self.hierarchy, granularity, quick=True
                )
        return known

    def warm_up(self) -> None:
        """Compute what a first click and the mode `features` need; for a thread beside the first picture."""
        if "features" in self.modes:
            _ = self.session.features, self.feature_colors

    @cached_property
    def _home(self) -> Pose:
        return home_of_views(self.views, self._plain) if self.views else home_of_splats(self._plain)

    def home(self) -> Pose:
        """Where one begins to look: the view in the middle of the capture's path, or all of the splat from outside."""
        return self._home

    def view_at(self, camera: Camera) -> View | None:
        """The view of the capture that was taken where a camera stands and looks; the zoom may differ."""
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
        """The photograph of a view tinted by the run's input masks: (H,W,3) uint8; None if it has none.

        Raises MaskError or CaptureError for masks or a photograph that cannot be read.
        """
        if self.run is None or not self.run.settings.masks:
            return None
        kept = self._overlay
        if kept is None or kept[0] != view.name:
            segments = self.run.masks().read(view)
            if segments is None:
                return None
            kept = self._overlay = (view.name, overlay_segments(view.image(), segments.flattened()))
        return kept[1]

    def close(self) -> None:
        """Write what is not saved yet. The scene can still be looked at, but edits are not kept any more."""
        if self.table is not None:
            self.table.close()


def _or_warn(warnings: list[str], have: Callable[[], T]) -> T | None:
    try:
        return have()
    except SplatsegError as error:
        warnings.append(str(error))
        return None
