"""`splatseg render`: pictures of a run from the cameras of its capture."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import RunFolder, Split
from splatseg.cli.console import Terminal
from splatseg.run import Picture, open_run, render_run


@dataclass(frozen=True)
class Render:
    """Render the views of a run as PNGs named as the views.

    rgb: the splat's colours. features: its features as colours (PCA). segments: 16-bit label maps, 0 = none.
    depth: 16-bit, with the unit in depth.json beside the pictures.
    """

    folder: RunFolder
    what: Picture
    """What to render."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="DIR")]
    """Where to write."""
    split: Split = "test"
    """Which views."""

    def run(self, terminal: Terminal) -> None:
        """Render and print how many pictures were written."""
        terminal.results.print(render_run(open_run(self.folder), self.what, self.split, self.output, terminal))
