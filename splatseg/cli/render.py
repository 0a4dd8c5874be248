"""`splatseg render`: pictures of a run from the cameras of its capture or from any others."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import Cameras, RunFolder, Split
from splatseg.cli.console import Terminal
from splatseg.run import Picture, open_run, render_run


@dataclass(frozen=True)
class Render:
    """Render the views of a run, or what any other cameras see, as PNGs named as the views.

    rgb: the splat's colours. features: its features as colours (PCA). segments: 16-bit label maps, 0 = none.
    overlay: colours tinted by segment, as in segments.json. masks: a folder a segment, DIR/<id>/<view>.png, 0 to 255.
    depth: 16-bit, with the unit in depth.json beside the pictures.
    """

    folder: RunFolder
    what: Picture
    """What to render."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="DIR")]
    """Where to write."""
    split: Split | None = None
    """Which views. Default: test."""
    cameras: Cameras = None
    """Look from these cameras instead: a transforms.json, or a folder with one or with a COLMAP model, in the world of
    the run's capture. Images are not needed."""
    segment: Annotated[tuple[int, ...], tyro.conf.arg(metavar="ID")] = ()
    """Ids of the segments whose masks to write with --what masks (see segments.json). Default: all."""
    antialias: bool = False
    """Masks with smooth edges: grey is the share of a pixel. Label maps: what most of 16 samples of a pixel say."""

    def run(self, terminal: Terminal) -> None:
        """Render and print how many pictures were written."""
        run = open_run(self.folder)
        summary = render_run(
            run, self.what, self.split, self.output, terminal, self.cameras, self.segment, self.antialias
        )
        terminal.results.print(summary)
