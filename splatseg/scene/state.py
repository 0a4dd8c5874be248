"""The state of a scene: the splat and everything known about it, which scenes and selections share.

Nothing of it changes but the table. Its states are values that are exchanged, never changed: whoever draws takes the
present state and is not disturbed by whoever edits. `lock` is held by who edits.

Alphabet: N Gaussians; members (N,) bool.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens_camera import AnyCamera, LensCamera
from splatseg.capture.view import View
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import PromptError, RunError
from splatseg.regions.regions import Regions
from splatseg.run.folder import Run
from splatseg.scene.keeper import TableKeeper
from splatseg.scene.summary import name_of_members
from splatseg.scene.table import SegmentTable, table_of_file
from splatseg.select.doubts import doubts_of
from splatseg.select.knowledge import Knowledge
from splatseg.select.levels import Levels
from splatseg.select.match import Match
from splatseg.select.prompt import Prompt
from splatseg.select.prompts import levels_of_click, select_by_prompts, select_levels
from splatseg.select.session import Session, same_camera
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement

Where = str | View | Camera
"""A view by its name, a view, or any camera."""

CUTS_KEPT = 16
"""Cuts of the hierarchy that are kept, 4 N bytes each: a slider that goes back finds them again."""


class SceneState:
    """A splat with its views, its segments and the votes of its masks.

    Attributes:
        name: The name of the run folder or the file.
        run: The run, None for a file.
        path: The file, None for a run.
        others: The runs and files that are seen together in this scene; () for one alone.
        agreement: The votes of the masks of all views, None without.
        hierarchy: The hierarchy of segments, None without.
        table: The table of segments, None without; `segments` is the same and raises.
        views: The views of the capture, () without one; then `no_views` says why.
        session: Prompts on the splat, made ready.
        regions: Gaussians by where they lie and what they are, on the splat made ready.
        warnings: Sentences on what is missing.
        origin: The scene that this one was made from (`without`); None otherwise.
        lock: Held by who edits the table.
    """

    def __init__(
        self,
        splats: Splats,
        name: str = "splat",
        table: SegmentTable | None = None,
        views: Sequence[View] = (),
        agreement: Agreement | None = None,
        hierarchy: Hierarchy | None = None,
        run: Run | None = None,
        keeper: TableKeeper | None = None,
    ) -> None:
        """Make a scene of what there is; `splatseg.open` reads it all from disk. keeper: saves edits of the table."""
        self.name: str = name
        self.run: Run | None = run
        self.keeper: TableKeeper | None = keeper
        self.path: Path | None = None
        self.others: tuple[Run | Path, ...] = ()
        self.agreement: Agreement | None = agreement
        self.hierarchy: Hierarchy | None = hierarchy
        self.table: SegmentTable | None = table
        self.session: Session = Session(splats)
        self.regions: Regions = Regions(self.session)
        self.warnings: list[str] = []
        self.lock: threading.RLock = threading.RLock() if table is None else table.lock
        self.views: tuple[View, ...] = tuple(views)
        self.no_views: str = ""
        self.origin: SceneState | None = None
        self._plain = splats
        self._knowledge: dict[float | None, Knowledge] = {}

    @property
    def splats(self) -> Splats:
        """The Gaussians, with the segments as they are in the table now."""
        if self.table is None:
            return self._plain
        return self._plain.replace(segment_ids=torch.from_numpy(self.table.ids))

    @property
    def segments(self) -> SegmentTable:
        """The table of segments. Raises RunError for a splat that has none.

        Example:
            >>> len(scene.segments) > 1
            True
        """
        if self.table is None:
            raise RunError(f"{self.name} has no segments yet; make them with `splatseg segment RUN --masks DIR`")
        return self.table

    @property
    def background(self) -> tuple[float, float, float]:
        """The colour behind the scene, 0..1: that of the run's fit, black for a file."""
        if self.origin is not None:
            return self.origin.background
        return (0.0, 0.0, 0.0) if self.run is None else self.run.settings.train.background

    @property
    def save_state(self) -> str:
        """State of the edits of segments: "saved", "saving", or "not kept: " and why."""
        return "not kept: a splat file has no run to keep edits in" if self.keeper is None else self.keeper.state

    def view(self, name: str) -> View:
        """Return a view of the capture by its name. Raises PromptError for a name that no view has."""
        if not self.views:
            raise PromptError(
                self.no_views or f"{self.name} has no capture, so no view {name!r}; give a camera instead"
            )
        for view in self.views:
            if name in (view.name, view.photograph):
                return view
        raise PromptError(f"there is no view {name!r}; the {len(self.views)} views are {_some(self.views)}")

    def camera(self, where: Where) -> AnyCamera:
        """Return the camera that took a view, given by its name, itself, or the camera at once. Raises as `view`."""
        if isinstance(where, (Camera, LensCamera)):
            return where
        return (self.view(where) if isinstance(where, str) else where).seen_by

    def owns(self, path: Path) -> bool:
        """Tell whether a file is what the scene was read from, or a part of its run: nothing may replace it."""
        if self.origin is not None:
            return self.origin.owns(path)
        if self.run is not None:
            return self.run.owns(path)
        sources = [source for source in (self.path, *self.others) if source is not None]
        return any(
            source.owns(path) if isinstance(source, Run) else Path(path).resolve() == source.resolve()
            for source in sources
        )

    def without(self, members: np.ndarray) -> Self:
        """Return a scene without some Gaussians, members (N,) bool, the holes closed where they stood.

        Holes are filled with copies of the surface around them (`fill.fill`), which have the property `made_up` = 1 in
        `splats.extras`; `warnings` of the new scene say what was closed and what was not. This scene does not change.

        Example:
            >>> filled = scene.without(scene.segment(2).members)
            >>> filled.warnings[0].startswith(("closed a hole", "no", "the"))
            True
        """
        from splatseg.fill.fill import fill_holes  # noqa: PLC0415 (scenes are opened for other things, mostly)

        splats = self.splats
        filled = fill_holes(splats, members, [view.camera for view in self.views])
        rows = () if self.table is None else self.table.rows()
        removed = name_of_members(members, None if self.table is None else self.table.now) or "a selection"
        made = type(self)(
            filled.splats, f"{self.name} without {removed}", table_of_file(filled.splats, rows), self.views
        )
        made.origin, made.no_views, made.warnings = self, self.no_views, list(filled.said)
        return made

    def _session_now(self) -> Session:
        """The session, with the segments as they are now in the view that is prepared."""
        return self.session if self.table is None else self.session.with_segments(self.table.ids)

    def knowledge(self, granularity: float | None) -> Knowledge:
        """Return what prompts are answered from, quickly; a cut at a granularity is made once for all who ask."""
        with self.lock:
            known = self._knowledge.get(granularity)
            if known is None:
                if len(self._knowledge) >= CUTS_KEPT:
                    self._knowledge.pop(next(iter(self._knowledge)))
                known = self._knowledge[granularity] = Knowledge(
                    self.agreement, self.hierarchy, granularity, self._usual, quick=True
                )
        return known

    def match(
        self,
        prompts: Sequence[Prompt],
        granularity: float | None = None,
        threshold: float | None = None,
        start: np.ndarray | None = None,
    ) -> Match:
        """Match the Gaussians to prompts. Parameters and errors as of `Scene.select`."""
        for name, value, low in (("granularity", granularity, 0.0), ("threshold", threshold, -1.0)):
            if value is not None and not low <= value <= 1.0:
                raise PromptError(f"the {name} is {value:g}; give a number from {low:g} to 1")
        knowledge = Knowledge(self.agreement, self.hierarchy, granularity, self._usual)
        return select_by_prompts(self._session_now(), prompts, knowledge, threshold, start)

    def levels(self, prompt: Prompt, granularity: float | None = None) -> Levels:
        """Return the levels of a click: the parts, the thing and the groups seen at its pixel.

        Raises PromptError as `select.prompts.levels_of_click` does.
        """
        knowledge = Knowledge(self.agreement, self.hierarchy, granularity, self._usual)
        return levels_of_click(self._session_now(), prompt, knowledge)

    def match_levels(self, prompts: Sequence[Prompt], levels: Levels, granularity: float | None = None) -> list[Match]:
        """Match the same click at several of its levels, each prompt at its own."""
        knowledge = Knowledge(self.agreement, self.hierarchy, granularity, self._usual)
        return select_levels(self._session_now(), prompts, levels, knowledge)

    def doubts(self, prompts: Sequence[Prompt], members: np.ndarray, start: np.ndarray | None) -> tuple[str, ...]:
        """Return sentences on prompts that a selection, members (N,) bool, does not meet; start: as of `match`."""
        return doubts_of(self._session_now(), prompts, members, self.where, self.hierarchy, start is not None)

    def where(self, camera: Camera) -> str:
        """Return the name of a camera's view; "the view" for any other camera."""
        return next((view.name for view in self.views if same_camera(view.camera, camera)), "the view")

    @property
    def _usual(self) -> float:
        """Granularity that the segments were cut at."""
        return 0.5 if self.run is None else self.run.settings.cluster.granularity


def _some(views: Sequence[View], count: int = 4) -> str:
    names = ", ".join(view.name for view in views[:count])
    return f"{names}, ..." if len(views) > count else names
