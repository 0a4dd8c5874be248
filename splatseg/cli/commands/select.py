"""`splatseg select`: one object, from prompts in some views to its mask in all views and to a splat of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import Cameras, Device, Form, MovedCapture, Printed, RunFolder, opened
from splatseg.cli.console import Terminal
from splatseg.requests.selecting import SelectionRequest, WordQuery

Prompts = Annotated[SelectionRequest, tyro.conf.arg(name="")]
Words = Annotated[WordQuery, tyro.conf.arg(name="")]


@dataclass(frozen=True)
class Select:
    """Select an object by clicks, boxes or masks, in one view or in several, or by words.

    Writes DIR/masks/<view>.png (0/255, every view or camera), DIR/object.ply, DIR/rest.ply and DIR/selection.json.
    """

    folder: RunFolder
    """The run folder."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="DIR")]
    """The folder to write."""
    request: Prompts = field(default_factory=SelectionRequest)
    """Prompts in views."""
    words: Words = field(default_factory=WordQuery)
    """Words instead of prompts in views."""
    cameras: Cameras = None
    """Masks for these cameras instead of the capture's: a transforms.json, or a folder with one or a COLMAP model."""
    antialias: bool = False
    """Masks with smooth edges: grey is the share of a pixel that shows the object."""
    capture: MovedCapture = None
    """Folder of the capture, if it is not where it was; the run remembers it."""
    device: Device = None
    """Processor or NVIDIA card to compute on; auto: the card, if there is one that can be used. Default:
    SPLATSEG_DEVICE, else auto."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Select, write, and print what was selected."""
        run = opened(self.folder, self.capture)
        from splatseg.jobs.select import select_in_run

        summary = select_in_run(run, self.request, self.output, self.cameras, self.antialias, self.words, terminal)
        terminal.result(summary)
