"""The state of one browser on a scene: selection, hidden Gaussians, mode of the picture, undo and redo.

    workspace = Workspace(scene)
    workspace.click(camera, (x, y))             # the object at a pixel; how="add" and "remove" change the selection
    workspace.granularity = 0.3                 # as set_granularity(0.3): the same clicks at another granularity
    workspace.hide_selection(); workspace.undo()
    image = picture(workspace, camera)

A selection is a start (a segment, or the result of growing or inverting) and the prompts since then; sliders evaluate
the prompts again. Hidden Gaussians are absent for clicks and pictures, and never selected.

Every state is a `Step`, an immutable value: a picture is drawn from one step, whatever is clicked meanwhile. Past steps
hold their members as bits. Calls may come from any thread.

Alphabet: N Gaussians; members and hidden (N,) bool; pixels (x, y) of the camera they come with.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Literal

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.errors import PromptError
from splatseg.scene.summary import describe_members, describe_part
from splatseg.select.along_hierarchy import Way
from splatseg.select.prompt import Prompt
from splatseg.select.session import Session
from splatseg.viewer.shown_scene import ShownScene, why_not
from splatseg.viewer.workspace.channel_cache import Canvas
from splatseg.viewer.workspace.history import Bits, History, Marker, Step, bits_of
from splatseg.viewer.workspace.prompting import ask, mean_query, next_level, placed_in, remarks_on

How = Literal["new", "add", "remove"]


class Workspace:
    """The state of one browser. A change that is not possible raises PromptError, and then nothing has changed."""

    def __init__(self, scene: ShownScene) -> None:
        self.scene = scene
        self.lock: threading.RLock = threading.RLock()
        self.canvas: Canvas = Canvas(scene)
        self._history = History(Step(bits_of(np.zeros(len(scene.splats), dtype=bool))))
        self._mode = "color"
        self._described: tuple[object, str] = (None, "")
        self._remarked: tuple[object, str] = (None, "")
        self._mean: tuple[Bits, np.ndarray | None] | None = None
        self._session: tuple[Bits | None, Session] = (None, scene.session.fork())

    # State ---------------------------------------------------------------------------------------------------------

    @property
    def step(self) -> Step:
        """The present state, an immutable value."""
        return self._history.now

    @property
    def members(self) -> np.ndarray:
        """The selected Gaussians, (N,) bool; do not write to it."""
        return self.step.members.array

    @property
    def count(self) -> int:
        """Number of selected Gaussians."""
        return self.step.members.count

    @property
    def hidden(self) -> np.ndarray | None:
        """The hidden Gaussians, (N,) bool; None if all are shown."""
        return None if self.step.hidden is None else self.step.hidden.array

    @property
    def markers(self) -> list[Marker]:
        """The points under the clicks of this selection, in order."""
        return [Marker(one.xyz, one.prompt.wanted) for one in self.step.prompts if one.xyz is not None]

    @property
    def mode(self) -> str:
        """The mode of the pictures, one of `ShownScene.modes`."""
        return self._mode

    @mode.setter
    def mode(self, mode: str) -> None:
        if mode not in self.scene.modes:
            raise PromptError(why_not(mode))
        self._mode = mode

    @property
    def session(self) -> Session:
        """The session for prompts on the Gaussians that are not hidden."""
        return self.session_without(self.step.hidden)

    def session_of(self, step: Step) -> Session:
        """Return the session for prompts on the Gaussians that a step does not hide."""
        return self.session_without(step.hidden)

    @property
    def query(self) -> np.ndarray | None:
        """The unit feature (F,) to which similarity is shown.

        It is that under the last wanted click, else the mean of the selection; None without either.
        """
        clicked = [one.query for one in self.step.prompts if one.prompt.wanted and one.query is not None]
        if clicked:
            return clicked[-1]
        members = self.step.members
        if self._mean is None or self._mean[0] is not members:
            self._mean = (members, mean_query(self.scene.session, members.array))
        return self._mean[1]

    def describe(self) -> str:
        """Return name, count and size of the selection: "mug: 12,034 Gaussians, size 1.2 × 0.8 × 0.9 units"."""
        of = (self.step.members, None if self.scene.table is None else self.scene.table.now)
        if self._described[0] != of:
            self._described = (of, describe_members(self.scene.splats, of[0].array, of[1]))
        return self._described[1]

    # Selecting -----------------------------------------------------------------------------------------------------

    def click(self, camera: Camera, pixel: tuple[float, float], how: How = "new") -> None:
        """Select the object at a pixel, add it, or take it away. The same click again takes the next level.

        Levels are the part, the thing and the group at the pixel; after the largest comes the smallest.
        """
        prompt = Prompt(camera, click=(float(pixel[0]), float(pixel[1])), wanted=how != "remove")
        with self.lock:
            if how == "new":
                prompt = next_level(self.scene, self.session_without, self.step, prompt)
            self._ask(prompt, how)

    @property
    def remarks(self) -> str:
        """The level of the last click, "level 2 of 3", and doubts about prompts, a line each; "" if there are none."""
        step = self.step
        of = (step, None if self.scene.table is None else self.scene.table.now)
        if self._remarked[0] != of:  # takes a pass over the votes
            self._remarked = (of, remarks_on(self.scene, self.session_without, step))
        return self._remarked[1]

    def box(self, camera: Camera, box: tuple[float, float, float, float], how: How = "new") -> None:
        """Select the object that fills a rectangle (x0, y0, x1, y1), or add it; or take away all that lies in it.

        The corners may come in any order.
        """
        x0, x1, y0, y1 = *sorted((box[0], box[2])), *sorted((box[1], box[3]))
        self._ask(Prompt(camera, box=(x0, y0, x1, y1), wanted=how != "remove"), how)

    def select_segment(self, segment_id: int, how: How = "new") -> None:
        """Select a segment of the table, add it, or take it away."""
        table = self.scene.table
        if table is None:
            raise PromptError("the splat has no segments; make some with `splatseg segment RUN --masks DIR`")
        with self.lock:
            now = table.now
            if segment_id not in now.rows:
                table.row(segment_id)
            chosen = now.ids == segment_id
            if self.hidden is not None:
                chosen &= ~self.hidden
                if not chosen.any():
                    raise PromptError(f"'{now.rows[segment_id].name}' is hidden; show it first")
            self.select_gaussians(chosen, how)

    def select_gaussians(self, chosen: np.ndarray, how: How = "new", slider: str | None = None) -> None:
        """Select Gaussians (N,) bool, add them, or take them away.

        slider: name of the one that chose them; its moves in a row are one step. Raises PromptError if all are hidden.
        """
        with self.lock:
            if self.hidden is not None:
                shown = chosen & ~self.hidden
                if chosen.any() and not shown.any():
                    raise PromptError("the object found is hidden; show it first")
                chosen = shown
            joined = {"new": chosen, "add": self.members | chosen, "remove": self.members & ~chosen}
            self._start(joined[how], slider)

    @property
    def slider(self) -> str | None:
        """The slider that made the present step, if it was one."""
        return self._history.slider

    def set_granularity(self, granularity: float | None) -> None:
        """Evaluate the prompts at a granularity, 0 for parts to 1 for groups; None takes segments as they are."""
        if granularity is not None and not 0.0 <= granularity <= 1.0:
            raise PromptError(f"the granularity is {granularity:g}; give a number from 0 (parts) to 1 (groups)")
        if granularity is not None and self.scene.hierarchy is None:
            raise PromptError(
                "there is no hierarchy to cut at a granularity; open a run that `splatseg segment` has segmented"
            )
        with self.lock:
            self._slide("granularity", replace(self.step, granularity=granularity))

    def set_threshold(self, threshold: float | None) -> None:
        """Evaluate the prompts at a least similarity, -1..1: a lower one selects more; None finds one."""
        if threshold is not None and not -1.0 <= threshold <= 1.0:
            raise PromptError(f"the threshold is {threshold:g}; give a similarity from -1 to 1")
        if threshold is not None and "features" not in self.scene.modes:
            raise PromptError(
                "the splat has no features to compare by a threshold; make some with `splatseg segment RUN --masks DIR`"
            )
        with self.lock:
            self._slide("threshold", replace(self.step, threshold=threshold))

    @property
    def granularity(self) -> float | None:
        """Granularity of the prompts; see `set_granularity`."""
        return self.step.granularity

    @granularity.setter
    def granularity(self, granularity: float | None) -> None:
        self.set_granularity(granularity)

    @property
    def threshold(self) -> float | None:
        """Threshold of the prompts; see `set_threshold`."""
        return self.step.threshold

    @threshold.setter
    def threshold(self, threshold: float | None) -> None:
        self.set_threshold(threshold)

    def grow(self) -> None:
        """Select the next larger object that holds the selection; `shrink` undoes it."""
        self._along(Way.up, "nothing larger holds the selection; it is a whole group already")

    def shrink(self) -> None:
        """Select the next smaller part of the selection; `grow` undoes it."""
        self._along(Way.down, "the selection has no smaller part; take some of it away by Ctrl + click")

    def next_steps(self) -> tuple[str, str]:
        """Describe what `grow` would take and `shrink` would leave out, as `Selection.describe_grow`."""
        step, hierarchy = self.step, self.scene.hierarchy
        if hierarchy is None or not step.members.count:
            return "", ""
        state, members = None if self.scene.table is None else self.scene.table.now, step.members.array
        up, down = (go(self._way(step), members, hierarchy)[0] for go in (Way.up, Way.down))
        return describe_part(up & ~members, state), describe_part(members & ~down, state)

    def invert(self) -> None:
        """Select all shown Gaussians that are not selected."""
        with self.lock:
            self._start(~self.members if self.hidden is None else ~self.members & ~self.hidden)

    def clear(self) -> None:
        """Select nothing."""
        with self.lock:
            if self.count or self.step.prompts:
                self._start(np.zeros_like(self.members))

    # Showing -------------------------------------------------------------------------------------------------------

    def hide_selection(self) -> None:
        """Hide the selection, and select nothing."""
        with self.lock:
            self._selected_something()
            self.hide(self.members)

    def hide(self, chosen: np.ndarray) -> None:
        """Hide Gaussians (N,) bool; they are not selected any more."""
        with self.lock:
            hidden = chosen if self.hidden is None else chosen | self.hidden
            self._show(hidden, self.members & ~hidden)

    def isolate_selection(self) -> None:
        """Hide everything but the selection."""
        with self.lock:
            self._selected_something()
            self._show(~self.members, self.members)

    def show_all(self) -> None:
        """Hide nothing."""
        with self.lock:
            if self.step.hidden is not None:
                self._history.add(replace(self.step, hidden=None))

    def set_visible(self, segment_id: int, visible: bool) -> None:
        """Show or hide a segment."""
        with self.lock:
            if self.scene.table is None:
                raise PromptError("the splat has no segments; make some with `splatseg segment RUN --masks DIR`")
            now = self.scene.table.now
            self.scene.table.row(segment_id)
            chosen = now.ids == segment_id
            hidden = np.zeros_like(chosen) if self.hidden is None else self.hidden
            hidden = hidden & ~chosen if visible else hidden | chosen
            self._show(hidden, self.members & ~hidden)

    @property
    def visible_ids(self) -> frozenset[int]:
        """Ids of the segments that are not wholly hidden."""
        if self.scene.table is None:
            return frozenset()
        now, hidden = self.scene.table.now, self.hidden
        if hidden is None:
            return frozenset(now.rows)
        gone = np.bincount(now.ids[hidden], minlength=max(now.rows, default=0) + 1)
        return frozenset(each for each, row in now.rows.items() if gone[each] < row.count)

    # History -------------------------------------------------------------------------------------------------------

    @property
    def can_undo(self) -> bool:
        """True if there is a step to undo."""
        return self._history.can_undo

    @property
    def can_redo(self) -> bool:
        """True if there is an undone step to redo."""
        return self._history.can_redo

    def undo(self) -> None:
        """Go back to the state before the last step; do nothing at the first one."""
        with self.lock:
            self._history.undo()

    def redo(self) -> None:
        """Redo the step that was undone last; do nothing if there is none."""
        with self.lock:
            self._history.redo()

    def begin(self, history: History, mode: str) -> None:
        """Set a history and a mode."""
        with self.lock:
            self._history, self._mode = history, mode

    def copy(self) -> Workspace:
        """Return a workspace with the present state, which later changes of this one do not affect."""
        with self.lock:
            other = Workspace(self.scene)
            other.begin(History(self.step), self.mode)
        return other

    # ---------------------------------------------------------------------------------------------------------------

    def _ask(self, prompt: Prompt, how: How) -> None:
        with self.lock:
            step = self.step
            session = self.session_without(step.hidden)
            if how == "new":
                step = replace(step, start=None, prompts=(), members=bits_of(np.zeros_like(self.members)))
            elif how == "remove":
                self._selected_something()
            placed = placed_in(session, prompt, step)
            members = ask(self.scene, self.session_without, step, placed)
            self._history.add(replace(step, prompts=(*step.prompts, placed), members=bits_of(members)))

    def _start(self, members: np.ndarray, slider: str | None = None) -> None:
        self._history.add(self.step.with_members(members), slider)

    def _slide(self, slider: str, step: Step) -> None:
        """Take a slider's new value: all its moves in a row are one step of the history."""
        if step.prompts:
            step = replace(step, members=bits_of(ask(self.scene, self.session_without, step)))
        self._history.add(step, slider)

    def _show(self, hidden: np.ndarray, members: np.ndarray) -> None:
        step = replace(self.step, hidden=bits_of(hidden) if hidden.any() else None)
        if not np.array_equal(members, self.members):
            step = step.with_members(members)
        self._history.add(step)

    def _way(self, step: Step) -> Way:
        return step.way[1] if step.way is not None and step.way[0] is step.members else Way()

    def _along(self, go: Callable[..., tuple[np.ndarray, Way]], nothing: str) -> None:
        with self.lock:
            self._selected_something()
            if self.scene.hierarchy is None:
                raise PromptError("there is no hierarchy of parts and wholes; move the threshold instead")
            members, way = go(self._way(self.step), self.members, self.scene.hierarchy)
            if self.hidden is not None:
                members = members & ~self.hidden
            if np.array_equal(members, self.members):
                raise PromptError(nothing)
            step = self.step.with_members(members)
            self._history.add(replace(step, way=(step.members, way)))

    def _selected_something(self) -> None:
        if self.count == 0:
            raise PromptError("nothing is selected; click on something first")

    def session_without(self, hidden: Bits | None) -> Session:
        """Return the session for prompts without the hidden Gaussians; the last one is cached."""
        kept, session = self._session
        if kept is not hidden:
            session = self.scene.session.fork() if hidden is None else self.scene.session.without(hidden.array)
            self._session = (hidden, session)  # one assignment: another thread never sees half of the pair
        return session
