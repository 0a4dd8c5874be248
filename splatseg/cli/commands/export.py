"""`splatseg export`: a splat, or segments of it, in a format that other tools open."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import Form, Printed, check_source
from splatseg.cli.console import Terminal
from splatseg.requests.exporting import ExportOptions


@dataclass(frozen=True)
class Export:
    """Write a run, some of its segments, or a splat file in another format.

    The suffix of FILE chooses the format: .ply, .compressed.ply, .splat, .spz, .sog, .glb (glTF), .usdc, .usda, .usdz,
    or .json (boxes around the segments). With --mesh it is .glb, .obj, .stl or .ply.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|FILE")]
    """A run folder, or any splat file."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="FILE|DIR")]
    """The file to write; a folder with --each, --layout and --parts; DIR/lod-meta.json for a streamed SOG."""
    options: Annotated[ExportOptions, tyro.conf.arg(name="")] = field(default_factory=ExportOptions)
    """The parts and the form to write."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Export and print what was written."""
        check_source(self.source)
        from splatseg.jobs.exporting.blocks import export_file, in_blocks

        if in_blocks(self.output, self.options):
            terminal.result(export_file(self.source, self.output, self.options))
            return
        from splatseg.jobs.export import export_source, open_source

        terminal.result(export_source(open_source(self.source), self.output, self.options))
