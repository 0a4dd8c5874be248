"""A selection: some Gaussians of a scene, that can be seen, named, changed and exported.

    mug = scene.click("012.jpg", (310, 205))
    mug.mask("040.jpg")                          (H,W) bool, from any view or camera
    mug.grow().export("mug.ply")                 the next larger thing; the suffix chooses the format
    mug.name = "red mug"                         a segment of the table from now on

A selection never changes: what changes it gives another one. Only the name is written into the scene's table.

Alphabet: N Gaussians; members (N,) bool; H x W pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import torch

from splatseg.cards import card
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import OutputError, PromptError, RunError
from splatseg.formats.write import write_splats
from splatseg.scene.exporting.meshes import Meshed
from splatseg.scene.selecting.asked import Asked
from splatseg.scene.selecting.pictures import SelectionPictures
from splatseg.scene.state import SceneState, Where
from splatseg.scene.summary import describe_members, describe_part, name_of_members, whole_segments
from splatseg.segments.segment import Segment, describe_segment
from splatseg.select.along_hierarchy import Way
from splatseg.select.match import Match
from splatseg.select.prompt import Box, Prompt
from splatseg.splats.splats import Splats

if TYPE_CHECKING:
    from splatseg.scene.scene import Scene

Step = Callable[[Way, np.ndarray, Hierarchy], tuple[np.ndarray, Way]]
"""A step along the hierarchy, from a selection (N,) bool to another."""


class Selection(SelectionPictures, Meshed):
    """Some Gaussians of a scene. `Scene.click`, `box`, `mask`, `text`, `segment`, `lasso` and others make them.

    Attributes:
        scene: The scene it belongs to.
        members: (N,) bool, the Gaussians that are selected.
        scores: (N,) float32, the similarity of every Gaussian to the prompts.
        threshold: The least similarity of a member.
        prompts: The prompts it was made by; () if it was made otherwise.
        facts: Lines on what was found: a line about each object of a search by words, floaters counted by reason.

    Example:
        >>> mug = scene.click("012.jpg", (47, 75))
        >>> mug.mask("040.jpg").dtype
        dtype('bool')
        >>> 0 < mug.count < len(scene.splats)
        True
    """

    def __init__(
        self,
        scene: SceneState,
        match: Match,
        prompts: tuple[Prompt, ...] = (),
        facts: tuple[str, ...] = (),
        *,
        granularity: float | None = None,
        threshold: float | None = None,
        start: np.ndarray | None = None,
    ) -> None:
        """Bind a match to its scene. granularity, threshold, start: as they were asked for, for prompts to come."""
        self.scene: SceneState = scene
        self.prompts: tuple[Prompt, ...] = prompts
        self.facts: tuple[str, ...] = facts
        self.members: np.ndarray = match.members
        self.scores: np.ndarray = match.scores
        self.threshold: float = match.threshold
        self._match = match
        self._asked = Asked(scene, prompts, granularity, threshold, start)
        self._way = Way()

    # What it is ------------------------------------------------------------------------------------------------------

    @property
    def count(self) -> int:
        """Number of Gaussians selected."""
        return self._match.count

    @property
    def splats(self) -> Splats:
        """The selected Gaussians as a splat of their own.

        Example:
            >>> len(scene.segment(1).splats) == scene.segment(1).count
            True
        """
        return self.scene.splats.subset(torch.from_numpy(self.members))

    @property
    def segment(self) -> Segment | None:
        """The row of the table, if the selection is exactly one segment; else None."""
        table = self.scene.table
        whole = whole_segments(self.members, None if table is None else table.now)
        return table.row(whole[0]) if table is not None and len(whole) == 1 else None

    @property
    def name(self) -> str:
        """The name of the segment it is, or of those it is made of; "" if it is not whole segments.

        Setting it renames the segment, or makes one of the selection, which others lose. Raises RunError if the scene
        has no table of segments.

        Example:
            >>> mug = scene.click("012.jpg", (47, 75))
            >>> before = mug.name
            >>> mug.name = "red mug"
            >>> scene.segments["red mug"].count == mug.count
            True
            >>> mug.name = before
        """
        table = self.scene.table
        return name_of_members(self.members, None if table is None else table.now)

    @name.setter
    def name(self, name: str) -> None:
        table, segment = self.scene.segments, self.segment
        if segment is None:
            table.create(self.members, name)
        else:
            table.rename(segment.id, name)

    @property
    def box(self) -> tuple[tuple[float, float, float], tuple[float, float, float]]:
        """The lower and upper corner around the selection, in the user's own coordinates.

        1 % of the Gaussians on each side is left out.

        Raises PromptError for an empty selection.
        """
        self._nonempty()
        splats = self.scene.splats
        return describe_segment(splats.coordinates.outwards(splats.positions[self.members]), 0).box

    def describe(self) -> str:
        """Describe the selection by name, count and size: "mug: 12,034 Gaussians, 1.2 x 0.8 x 0.9"."""
        table = self.scene.table
        return describe_members(self.scene.splats, self.members, None if table is None else table.now)

    @property
    def level(self) -> int | None:
        """The level of a click, 1 for the smallest part; None if the selection is not that of one click."""
        return self._asked.level

    @property
    def levels(self) -> tuple[Selection, ...]:
        """All that one click may mean: the part, the thing, the group at its pixel, this selection among them.

        () if the selection is not that of one click, or without a hierarchy of segments.

        Example:
            >>> mug = scene.click("012.jpg", (47, 75))
            >>> mug.levels[mug.level - 1].count == mug.count
            True
        """
        return tuple(self._of_asked(match, asked) for match, asked in self._asked.at_levels())

    @property
    def support(self) -> float | None:
        """The agreement of the masks of all views with the selection, 0..1; None without votes.

        It is the mean, over the pixels in which views see it, of the overlap (IoU) with the best mask of each view.
        """
        return None if self.scene.agreement is None else self.scene.agreement.support(self.members)

    def describe_level(self) -> str:
        """Describe the level of a click: "level 2 of 3 (support 0.41, 0.86, 0.78)"; "" where there is no choice."""
        levels, level = self._asked.levels, self._asked.level
        return "" if levels is None or level is None or len(levels) == 1 else levels.describe(level)

    @property
    def doubts(self) -> tuple[str, ...]:
        """Sentences on prompts that the selection does not meet, by view and pixel; () if it meets all of them.

        Prompts that contradict each other are weighed: of a wanted click outside the selection, an unwanted one
        inside, a mask or a box that the selection hardly fits, each has a sentence.

        Example:
            >>> scene.click("012.jpg", (47, 75)).doubts
            ()
        """
        return self.scene.doubts(self._asked.prompts, self.members, self._asked.start)

    # Changing it -----------------------------------------------------------------------------------------------------

    def add(
        self,
        view: Where,
        *,
        click: tuple[float, float] | None = None,
        box: Box | None = None,
        mask: np.ndarray | None = None,
    ) -> Selection:
        """Return the selection with one more wanted prompt; all prompts are asked together.

        The prompt is a click (x, y), a box (x0, y0, x1, y1) or a mask (H,W) bool, in pixels of the view.

        Raises PromptError unless it is exactly one of them, and as `Scene.click` does.
        """
        return self._with(Prompt.in_photograph(self.scene.camera(view), click, box, mask))

    def remove(
        self,
        view: Where,
        *,
        click: tuple[float, float] | None = None,
        box: Box | None = None,
        mask: np.ndarray | None = None,
    ) -> Selection:
        """Return the selection with one more unwanted prompt: a click, a box or a mask (H,W) bool.

        Raises PromptError as `add` does, and if nothing is left.
        """
        return self._with(Prompt.in_photograph(self.scene.camera(view), click, box, mask, wanted=False))

    def _with(self, prompt: Prompt) -> Selection:
        before = self._asked if self.prompts else Asked(self.scene, start=self.members)
        asked = replace(before, prompts=(*before.prompts, prompt))
        return self._of_asked(asked.match(), asked)

    def grow(self, steps: int = 1) -> Selection:
        """Return the next larger thing around the selection, itself if it is a whole group; `shrink` undoes it.

        Raises RunError without a hierarchy of segments.

        Example:
            >>> mug = scene.click("012.jpg", (47, 75))
            >>> mug.grow().count >= mug.count >= mug.shrink().count
            True
            >>> mug.grow(2).shrink(2).count == mug.count
            True
        """
        return self._along(Way.up, steps)

    def shrink(self, steps: int = 1) -> Selection:
        """Return the largest part of the selection, itself if it has none; `grow` undoes it.

        Raises RunError without a hierarchy.
        """
        return self._along(Way.down, steps)

    def describe_grow(self) -> str:
        """Describe what `grow` would take: "table + 3 more, 26,495 Gaussians"; "" if nothing. Raises as `grow`."""
        return self._described(self.grow().members & ~self.members)

    def describe_shrink(self) -> str:
        """Describe what `shrink` would leave out, as `describe_grow`. Raises as `shrink`."""
        return self._described(self.members & ~self.shrink().members)

    def _described(self, part: np.ndarray) -> str:
        return describe_part(part, None if self.scene.table is None else self.scene.table.now)

    def _along(self, step: Step, steps: int) -> Selection:
        hierarchy, members, way = self.scene.hierarchy, self.members, self._way
        if hierarchy is None:
            where = self.scene.name if self.scene.run is None else self.scene.run.path
            raise RunError(f"{where} has no hierarchy of segments to go along; run `splatseg segment {where}` again")
        for _ in range(steps):
            members, way = step(way, members, hierarchy)
        made = Selection(self.scene, replace(self._match, members=members), facts=self.facts)
        made._way = way
        return made

    def flood(
        self, *, steps: int | None = None, tolerance: float | None = None, within: Selection | None = None
    ) -> Selection:
        """Return the selection with all that touches it, and all that touches that, until a gap stops it.

        steps: how often; None until nothing more touches. tolerance: largest distance in OKLab between the colours of
        two that touch, as of `Scene.alike_color`; None for any. within: does not go beyond this selection.

        Raises PromptError for a negative number of steps or tolerance.

        Example:
            >>> dot = scene.brush("012.jpg", [(47, 75)], radius=2)
            >>> dot.count < dot.flood(within=scene.segment(1)).count
            True
        """
        kept = None if within is None else within.members
        return self._of(Match.of(self.scene.regions.flooded(self.members, steps, tolerance, kept)))

    @property
    def rest(self) -> Selection:
        """Everything that is not selected.

        Example:
            >>> mug = scene.segment(1)
            >>> mug.count + mug.rest.count == len(scene.splats)
            True
        """
        return self._of(self._match.invert())

    def filled(self) -> Scene:
        """Return a scene of what is selected alone, with holes closed where the rest stood: `mug.rest.filled()`.

        The new Gaussians are marked; see `Scene.without`. Raises PromptError if nothing or everything is selected.

        Example:
            >>> filled = scene.segment(2).rest.filled()
            >>> filled.render("012.jpg").shape
            (120, 160, 3)
        """
        self._nonempty()
        if self.members.all():
            raise PromptError("everything is selected, so nothing left a hole; take `.rest` of what is to go")
        return cast("Scene", self.scene.without(~self.members))

    def __and__(self, other: Selection) -> Selection:
        """Return the Gaussians that both select."""
        return self._of(self._match.intersect(other._match))

    def __or__(self, other: Selection) -> Selection:
        """Return the Gaussians that either selects."""
        return self._of(self._match.union(other._match))

    def __sub__(self, other: Selection) -> Selection:
        """Return the Gaussians that this selects and the other does not."""
        return self._of(self._match.intersect(other._match.invert()))

    def __invert__(self) -> Selection:
        """Return everything that is not selected, as `rest`."""
        return self.rest

    def _of(self, match: Match) -> Selection:
        return Selection(self.scene, match)

    def _of_asked(self, match: Match, asked: Asked) -> Selection:
        made = self._of(match)
        made.prompts, made._asked = asked.prompts, asked
        return made

    # Taking it away --------------------------------------------------------------------------------------------------

    def export(self, path: str | Path, *, plain: bool = False) -> Path:
        """Write the selected Gaussians; the suffix chooses the format: .ply, .splat, .spz, .sog, .glb, .usdc, ...

        plain: only geometry and colour, for programs that refuse more. Returns the path.

        Raises PromptError for an empty selection, OutputError for a suffix that names no format and for a file that
        would replace the scene's own.

        Example:
            >>> scene.segment(1).export(folder / "mug.ply").stat().st_size > 0
            True
        """
        path = Path(path)
        self._nonempty()
        if self.scene.owns(path):
            raise OutputError(f"{path} is part of what is exported and would be lost; name another file")
        table = self.scene.table
        return write_splats(path, self.splats, () if table is None else table.rows(), plain=plain).path

    def _nonempty(self) -> None:
        if not self.count:
            raise PromptError("nothing is selected; select something first")

    def __len__(self) -> int:
        """Number of Gaussians selected."""
        return self.count

    def __repr__(self) -> str:
        """One line."""
        named = f" {self.name!r}" if self.name else ""
        return f"<Selection{named}: {self.count:,} of {len(self.members):,} Gaussians of {self.scene.name!r}>"

    def _repr_html_(self) -> str:
        """The view that shows the selection best and a few figures, for notebooks."""
        figures = {"Gaussians": f"{self.count:,} of {len(self.members):,}", "scene": self.scene.name}
        if self.count:
            lower, upper = (np.array(corner) for corner in self.box)
            figures["size"] = " x ".join(f"{side:.3g}" for side in upper - lower)
        camera = self._best_camera()
        return card(self.name or "selection", figures, None if camera is None else self.render(camera))
