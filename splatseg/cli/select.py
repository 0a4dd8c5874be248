"""`splatseg select`: one object, from prompts in some views to its mask in all views and to a splat of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import Cameras, RunFolder
from splatseg.cli.console import Terminal
from splatseg.jobs.request import Request
from splatseg.jobs.select import select_in_run
from splatseg.jobs.words import Words
from splatseg.run.folder import open_run

Clicks = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[VIEW:]X,Y")]
Boxes = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[VIEW:]X0,Y0,X1,Y1")]
Texts = Annotated[tuple[str, ...], tyro.conf.arg(metavar="WORDS")]
MaskFiles = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[VIEW:]PNG")]


@dataclass(frozen=True)
class Select:
    """Select an object by clicks, boxes or masks, in one view or in several, or by words.

    Writes DIR/masks/<view>.png (0/255, every view or camera), DIR/object.ply, DIR/rest.ply and DIR/selection.json.
    """

    folder: RunFolder
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="DIR")]
    """Where to write."""
    view: str | None = None
    """Name of the view that the prompts are given in; a prompt may name another: 012.jpg:310,205."""
    click: Clicks = ()
    """Pixels on the object; (0,0) is the top left corner. What several point at is selected together."""
    box: Boxes = ()
    """Boxes around the object, in pixels."""
    mask: MaskFiles = ()
    """Masks of the object as images: what is not black is the object."""
    not_click: Clicks = ()
    """Pixels on what is not the object: that part is taken away."""
    not_box: Boxes = ()
    """Boxes around what is not the object."""
    not_mask: MaskFiles = ()
    """Masks of what is not the object."""
    text: Texts = ()
    """What is meant, in words: "red mug". Needs a model; not found leaves with exit code 3."""
    not_text: Texts = ()
    """What is not meant, in words."""
    model: str | None = None
    """Folder (or name) of the model that understands words: a CLIP or SigLIP after `splatseg words`, SAM 3, or
    Grounding DINO with --segmenter. Default: the one the run was described with."""
    segmenter: str | None = None
    """Folder (or name) of a Segment Anything model that makes masks of the boxes a detector finds."""
    threshold: float | None = None
    """Least similarity of a Gaussian to the prompt, -1 to 1. Default: chosen by agreement with the prompt."""
    granularity: float | None = None
    """What counts as one thing under a click, from 0 (parts) to 1 (groups). Default: that of the run's segments."""
    grow: int = 0
    """Steps from the selection to the larger things it is part of."""
    shrink: int = 0
    """Steps from the selection to its largest part."""
    cameras: Cameras = None
    """Masks for these cameras instead of the capture's: a transforms.json, or a folder with one or a COLMAP model."""
    antialias: bool = False
    """Masks with smooth edges: grey is the share of a pixel that shows the object."""

    def run(self, terminal: Terminal) -> None:
        """Select, write, and print what was selected."""
        request = Request(
            view=self.view,
            click=self.click,
            box=self.box,
            mask=self.mask,
            not_click=self.not_click,
            not_box=self.not_box,
            not_mask=self.not_mask,
            threshold=self.threshold,
            granularity=self.granularity,
            grow=self.grow,
            shrink=self.shrink,
        )
        words = Words(self.text, self.not_text, self.model, self.segmenter)
        summary = select_in_run(
            open_run(self.folder), request, self.output, self.cameras, self.antialias, words, terminal
        )
        terminal.results.print(summary, markup=False, soft_wrap=True)
