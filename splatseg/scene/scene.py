"""A scene: a splat with everything known about it. The command line, the viewer and Python users hold this object.

    scene = splatseg.open("RUN")                 a run folder, or any splat file
    mug = scene.click("012.jpg", (310, 205))     a selection, bound to the scene
    scene.segments["red mug"]                    the table of segments
Alphabet: N Gaussians; pixels (x, y) of the camera they come with; masks (H,W).
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np

from splatseg.cameras.lens_camera import faces_of_camera
from splatseg.cards import card
from splatseg.errors import PromptError
from splatseg.progress import Progress
from splatseg.render.label_maps import label_map
from splatseg.render.painter import Look, painter_of
from splatseg.render.photographed import photographed
from splatseg.render.shown import Shown
from splatseg.run.reporter import Reporter
from splatseg.scene.cleaner import Cleaner
from splatseg.scene.finding import WordFinder, split_words
from splatseg.scene.first_pose import Pose, camera_at, home_of_splats, home_of_views
from splatseg.scene.prompt_mask import read_prompt_mask
from splatseg.scene.selecting.regions import RegionScene
from splatseg.scene.selection import Selection
from splatseg.scene.state import Where
from splatseg.select.match import Match
from splatseg.select.prompt import Box, Prompt
from splatseg.words.encoder import Encoder
from splatseg.words.grounding import Grounder

PREVIEW = (480, 360)
"""Pixels of the picture of a scene that has no views."""


class Scene(RegionScene):
    """A splat with its views, its segments and the votes of its masks. Use `splatseg.open`.

    Example:
        >>> mug = scene.click("012.jpg", (47, 75))
        >>> scene.render("012.jpg", what="overlay").shape
        (120, 160, 3)
    """

    _words: WordFinder | None = None

    # Selecting -------------------------------------------------------------------------------------------------------

    def click(
        self,
        view: Where,
        pixel: tuple[float, float],
        *,
        granularity: float | None = None,
        threshold: float | None = None,
        level: int | None = None,
    ) -> Selection:
        """Select the object seen at pixel (x, y) of a view or a camera.

        granularity: 0 for parts to 1 for groups; None takes the segments as they are. threshold: least similarity to
        the click, -1 to 1; None chooses it. level: 1 for the smallest part at the pixel, 2, ... for what holds it, as
        `Selection.levels` lists them; None takes what the masks say.

        Raises PromptError for an unknown view, a click outside the image or on nothing, and a level that is not there.

        Example:
            >>> scene.click("012.jpg", (47, 75)).count > 0
            True
        """
        prompt = Prompt.in_photograph(self.camera(view), click=(float(pixel[0]), float(pixel[1])), level=level)
        return self.select([prompt], granularity=granularity, threshold=threshold)

    def box(self, view: Where, box: Box, *, granularity: float | None = None) -> Selection:
        """Select the object that fills a rectangle (x0, y0, x1, y1) of a view. Raises PromptError as `click` does.

        Example:
            >>> scene.box("012.jpg", (36, 62, 60, 88)).count > 0
            True
        """
        return self.select([Prompt.in_photograph(self.camera(view), box=box)], granularity=granularity)

    def mask(self, view: Where, mask: np.ndarray | str | Path, *, granularity: float | None = None) -> Selection:
        """Select the object that a mask of one view covers: (H,W) bool, or an image in which it is not black.

        Raises PromptError as `click` does, for an image that cannot be read and for a mask of another size.

        Example:
            >>> mug = scene.click("012.jpg", (47, 75))
            >>> scene.mask("012.jpg", mug.mask("012.jpg")).count > 0
            True
        """
        camera = self.camera(view)
        if not isinstance(mask, np.ndarray):
            mask = read_prompt_mask(Path(mask), camera, view if isinstance(view, str) else "")
        if mask.shape != (camera.height, camera.width):
            size = "x".join(str(side) for side in mask.shape[::-1])
            raise PromptError(f"the mask has {size} pixels, the view {camera.width}x{camera.height}; resize the mask")
        return self.select([Prompt.in_photograph(camera, mask=mask.astype(bool))], granularity=granularity)

    def text(
        self,
        text: str | Sequence[str],
        unlike: Sequence[str] = (),
        model: str | Encoder | Grounder | None = None,
        segmenter: str | None = None,
        reporter: Reporter | None = None,
    ) -> Selection:
        """Select what words mean: "red mug", or "book, not yellow book". unlike: words for what is not meant.

        model: an encoder or a grounder, or the folder or name of one; None for the one of `use_words`, or what the run
        was described with. segmenter: folder or name of what makes masks of a detector's boxes. reporter: shows how
        far a search in photographs is.

        Raises PromptError for a file without a run or for no words, NotFoundError for words that mean nothing here,
        WeightsError without a model.
        """
        if self.run is None:
            raise PromptError("words are compared with photographs, and a splat file has none; open a run")
        wanted, unwanted = split_words(text) if isinstance(text, str) else (list(text), [])
        if not wanted:
            raise PromptError(
                "say what is meant, such as: red mug; commas between several, 'not ...' for what is not meant"
            )
        # A page of the viewer may ask from a thread of its own.
        if self._words is None or model is not None:
            self.use_words(model, segmenter)
        assert self._words is not None
        found = self._words.find(self.splats, wanted, [*unwanted, *unlike], reporter)
        return Selection(self, found.match, facts=found.facts)

    @property
    def understands_words(self) -> bool:
        """True if there is a model for `text`: one was chosen, or the run was described with one."""
        if self._words is not None:
            return self._words.has_model
        return self.run is not None and self.run.words_path.exists()

    def use_words(self, model: str | Encoder | Grounder | None = None, segmenter: str | None = None) -> None:
        """Choose the model that `text` asks; it is loaded when the first words come. Parameters as for `text`."""
        if self.run is not None:
            self._words = WordFinder(self.run, model, segmenter)

    def select(
        self,
        prompts: Sequence[Prompt],
        *,
        granularity: float | None = None,
        threshold: float | None = None,
        start: np.ndarray | None = None,
    ) -> Selection:
        """Select what several prompts say together, wanted and not, in any views.

        start: what is selected already, (N,) bool; then all prompts may be unwanted ones. Raises PromptError as
        `click` does, and if nothing is wanted.

        Example:
            >>> camera = scene.view("012.jpg").camera
            >>> wanted = splatseg.Prompt(camera, click=(47, 75))
            >>> scene.select([wanted]).count == scene.click("012.jpg", (47, 75)).count
            True
        """
        match = self.match(prompts, granularity, threshold, start)
        return Selection(self, match, tuple(prompts), granularity=granularity, threshold=threshold, start=start)

    def segment(self, *keys: int | str) -> Selection:
        """Select segments of the table by id or name. Raises PromptError for one that is not there.

        Example:
            >>> scene.segment(1).count == scene.segments[1].count
            True
        """
        ids = [self.segments[key].id for key in keys]
        return self.gaussians(np.isin(self.segments.ids, ids))

    def floaters(
        self, strength: float = 0.5, reasons: Sequence[str] = (), progress: Progress | None = None
    ) -> Selection:
        """Select what no surface holds: floaters, needles, and what lies outside the capture.

        strength: 0 for only what no view sees, to 1. reasons: weak (hardly seen), alone (touches nothing), near (right
        before a camera), few (seen by one of many views), needle, outside; () for all. progress(done, total) is called
        while views are rendered, the first time. `Selection.facts` counts them by reason.

        What segments of high confidence hold is not selected. In a file without views the Gaussians themselves are
        looked at only.

        Raises PromptError for a strength outside 0..1 and for a reason that there is not.

        Example:
            >>> floaters = scene.floaters()
            >>> floaters.rest.export(folder / "clean.ply").name
            'clean.ply'
            >>> scene.floaters(0.2).count <= floaters.count
            True
        """
        judgement = self.cleaner.find(strength, reasons, progress)
        return Selection(self, Match.of(judgement.gone), facts=judgement.describe())

    @cached_property
    def cleaner(self) -> Cleaner:
        """Finder of floaters, which keeps what it has measured."""
        return Cleaner(self)

    # Looking ---------------------------------------------------------------------------------------------------------

    def render(self, view: Where, what: Shown = "rgb", *, antialias: bool = False) -> np.ndarray:
        """Render what a view or a camera sees: (H,W,3) uint8.

        what: rgb, features (as colours, PCA), segments (in their colours), overlay (rgb tinted by segment), or depth.
        antialias: segments with smooth edges. `Selection.render` highlights a selection.

        Raises RunError if the splat has no features or segments to show, PromptError for an unknown view.

        Example:
            >>> scene.render("012.jpg", what="segments").dtype
            dtype('uint8')
        """
        camera = self.camera(view)
        look = Look(self.background, self._colors(), supersample=4 if antialias else 1)
        return photographed(camera, painter_of(self.splats, what, faces_of_camera(camera), look))

    def label_map(self, view: Where) -> np.ndarray:
        """Return the segment that each pixel of a view is mostly made of: (H,W) int32, 0 = none.

        Example:
            >>> int(scene.label_map("012.jpg").max()) <= max(row.id for row in scene.segments)
            True
        """
        return label_map(self.splats, self.camera(view))

    def _colors(self) -> dict[int, tuple[int, int, int]]:
        return {} if self.table is None else {row.id: row.color for row in self.table}

    def home(self) -> Pose:
        """Return the pose to look from first: the view in the middle of the path, or the whole splat from outside."""
        return home_of_views(self.views, self._plain) if self.views else home_of_splats(self._plain)

    # Files -----------------------------------------------------------------------------------------------------------

    def export(self, path: str | Path, *, plain: bool = False) -> Path:
        """Write the splat with its segments; the suffix chooses the format. plain: only geometry and colour.

        Raises OutputError for a suffix that names no format, and for a file that would replace the scene's own.
        """
        return self.gaussians(np.ones(len(self._plain), dtype=bool)).export(path, plain=plain)

    def save(self) -> None:
        """Wait until every edit of the segments is on disk; edits are saved by themselves, a little later."""
        if self.keeper is not None:
            self.keeper.flush()

    def close(self) -> None:
        """Write what is not saved yet. The scene can still be looked at, but edits are not kept any more."""
        if self.keeper is not None:
            self.keeper.close()

    def __enter__(self) -> Self:
        """Enter a block that closes the scene at its end."""
        return self

    def __exit__(self, *error: object) -> None:
        """Close the scene."""
        self.close()

    def __repr__(self) -> str:
        """One line."""
        facts = ", ".join(f"{value} {name}" for name, value in self._figures().items())
        return f"<Scene {self.name!r}: {facts}>"

    def _figures(self) -> dict[str, str]:
        figures = {"Gaussians": f"{len(self._plain):,}", "views": str(len(self.views))}
        if self.table is not None:
            figures["segments"] = str(len(self.table))
        return figures

    def _repr_html_(self) -> str:
        """A picture and a few figures, for notebooks."""
        middle = self.views[len(self.views) // 2 :]
        camera = middle[0].camera if middle else camera_at(self.home(), *PREVIEW)
        picture = self.render(camera, "rgb" if self.table is None else "overlay")
        return card(self.name, self._figures(), picture)
