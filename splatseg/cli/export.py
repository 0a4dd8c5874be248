"""`splatseg export`: segments as a splat that other tools open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import RunFolder
from splatseg.cli.console import Terminal
from splatseg.run import export_run, open_run


@dataclass(frozen=True)
class Export:
    """Write some segments of a run, or all of it, as a .ply."""

    folder: RunFolder
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="FILE.ply")]
    """The file to write."""
    segment: Annotated[tuple[int, ...], tyro.conf.arg(metavar="ID")] = ()
    """Ids of the segments to write (see segments.json); default: everything."""

    def run(self, terminal: Terminal) -> None:
        """Export and print what was written."""
        terminal.results.print(export_run(open_run(self.folder), self.segment, self.output))
