"""`splatseg refine`: clean boundaries between segments, in a new run."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import Device, Form, MovedCapture, Printed, RunFolder, opened
from splatseg.cli.console import Terminal


@dataclass(frozen=True)
class Refine:
    """Split and adjust the Gaussians of a segmented run that straddle two segments, so that masks have clean edges.

    Writes a new run, on which select, render, evaluate and export work as before; RUN itself is not changed.
    """

    folder: RunFolder
    """The run folder."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="RUN2")]
    """The run folder to make."""
    capture: MovedCapture = None
    """Folder of the capture, if it is not where it was; the run remembers it."""
    device: Device = None
    """Processor or NVIDIA card to compute on; auto: the card, if there is one that can be used. Default:
    SPLATSEG_DEVICE, else auto."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Refine and print what changed."""
        run = opened(self.folder, self.capture)
        from splatseg.jobs.refine import refine_run

        terminal.result(refine_run(run, self.output, reporter=terminal))
