"""`splatseg masks`: 2D masks for a capture, by a mask model; or masks flattened for other programs."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import Form, Printed
from splatseg.cli.console import Terminal
from splatseg.masks.layout import Layout
from splatseg.requests.proposing import MasksRequest


@dataclass(frozen=True)
class Masks:
    """Make 2D masks for every photograph of a capture, all levels of parts and wholes, with scores.

    Writes DIR/<view>.json (COCO run lengths, as SAM's own tools do) and DIR/masks.json (model, settings, counts).
    Started again it goes on where it was stopped. With --export the first argument is a folder of masks.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CAPTURE")]
    """The folder of a capture; with --export, a folder of masks."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="DIR")]
    """The folder to write."""
    request: Annotated[MasksRequest, tyro.conf.arg(name="")] = field(default_factory=MasksRequest)
    """The masks to make."""
    export: Layout | None = None
    """Make no masks, but write those of a folder as flat label maps for the code of Contrastive Gaussian Clustering
    (cgc: seg_masks, 16 bits) or Gaussian Grouping (object_mask, 8 bits, 255 segments); smaller masks lie on top."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Make the masks (or export them) and print how many there are."""
        from splatseg.capture.capture import find_cameras

        if self.export is None:
            find_cameras(self.source)
        from splatseg.jobs.masks import export_masks, propose_for_capture

        if self.export is not None:
            summary = export_masks(self.source, self.output, self.export, terminal)
        else:
            summary = propose_for_capture(self.source, self.output, self.request, terminal)
        terminal.result(summary)
