"""`splatseg export`: a splat, or segments of it, in a format that other tools open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.console import Terminal
from splatseg.jobs.export import ExportLayout, ExportOptions, export_source, open_source


@dataclass(frozen=True)
class Export:
    """Write a run, some of its segments, or a splat file in another format.

    The suffix of FILE chooses the format: .ply, .compressed.ply, .splat, .spz, .sog, .glb (glTF), .usdc, .usda, .usdz,
    or .json (boxes around the segments).
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="RUN|FILE")]
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="FILE|DIR")]
    """The file to write; a folder with --each and --layout."""
    segment: Annotated[tuple[int, ...], tyro.conf.arg(metavar="ID")] = ()
    """Ids of the segments to write (see segments.json); default: everything."""
    format: str | None = None
    """Format, if the suffix does not say it."""
    each: bool = False
    """Every segment as a file of its own, in a new folder, as .ply or in --format."""
    rest: bool = False
    """What is in none of the segments too, in a file of its own."""
    plain: bool = False
    """Only geometry and colour, for programs that refuse more."""
    layout: ExportLayout | None = None
    """A folder as the viewers of 3D Gaussian Splatting want it: point_cloud/, cameras.json, input.ply, cfg_args."""

    def run(self, terminal: Terminal) -> None:
        """Export and print what was written."""
        options = ExportOptions(self.segment, self.format, self.each, self.rest, self.plain, self.layout)
        terminal.results.print(
            export_source(open_source(self.source), self.output, options), markup=False, soft_wrap=True
        )
