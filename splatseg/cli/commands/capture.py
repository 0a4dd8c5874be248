"""`splatseg capture`: a capture from photographs or a video that have no poses."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import Form, Printed
from splatseg.cli.console import Terminal
from splatseg.poses.request import CaptureRequest


@dataclass(frozen=True)
class Capture:
    """Find out where photographs were taken from, or the frames of a video, and write a capture with their poses.

    Writes CAPTURE/images, CAPTURE/sparse/0 (a COLMAP model with the lens) and CAPTURE/poses/poses.json: which
    photographs have a pose, and why the others have none. Started again it goes on where it was stopped. Needs pycolmap
    (pip install "splatseg[poses]"), and for a video the program ffmpeg.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="PHOTOS|VIDEO")]
    """A folder of photographs, or a video."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="CAPTURE")]
    """The folder to write."""
    request: Annotated[CaptureRequest, tyro.conf.arg(name="")] = field(default_factory=CaptureRequest)
    """The way poses are found."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Make the capture and print how many photographs have poses."""
        from splatseg.poses.make import make_capture

        terminal.result(make_capture(self.source, self.output, self.request, terminal))
