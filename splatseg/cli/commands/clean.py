"""`splatseg clean`: a splat without floaters, needles and what lies outside the capture."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import Form, Printed, check_source
from splatseg.cli.console import Terminal
from splatseg.requests.cleaning import CleanOptions


@dataclass(frozen=True)
class Clean:
    """Write a run's splat, or a splat file, without floaters, needles and what lies outside the capture.

    Says what goes and why. RUN or FILE stays as it is; segments stay in what is written, and what segments of high
    confidence hold is not taken. A run is cleaned better than a file: its views are asked what they see.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|FILE")]
    """A run folder, or any splat file."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="FILE")]
    """The file to write; its suffix chooses the format, as for `splatseg export`."""
    options: Annotated[CleanOptions, tyro.conf.arg(name="")] = field(default_factory=CleanOptions)
    """The strength, and what is looked for."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Clean and print what went."""
        check_source(self.source)
        from splatseg.jobs.clean import clean_source
        from splatseg.jobs.export import open_source

        terminal.result(clean_source(open_source(self.source), self.output, self.options, terminal))
