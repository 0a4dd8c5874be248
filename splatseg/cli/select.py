"""`splatseg select`: one object, from a prompt in one view to its mask in all views and to a splat of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import Cameras, RunFolder, parse_numbers
from splatseg.cli.console import Terminal
from splatseg.errors import PromptError
from splatseg.run import Prompt, open_run, select_in_run


@dataclass(frozen=True)
class Select:
    """Select an object by a click, a box or a mask in one view.

    Writes DIR/masks/<view>.png (0/255, every view or camera), DIR/object.ply, DIR/rest.ply and DIR/selection.json.
    """

    folder: RunFolder
    view: str
    """Name of the view that the prompt is given in."""
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="DIR")]
    """Where to write."""
    click: Annotated[str | None, tyro.conf.arg(metavar="X,Y")] = None
    """A pixel on the object; (0,0) is the top left corner."""
    box: Annotated[str | None, tyro.conf.arg(metavar="X0,Y0,X1,Y1")] = None
    """A box around the object, in pixels."""
    mask: Annotated[Path | None, tyro.conf.arg(metavar="PNG")] = None
    """A mask of the object as an image: what is not black is the object."""
    threshold: float | None = None
    """Least similarity of a Gaussian to the prompt, -1 to 1. Default: chosen by agreement with the prompt."""
    cameras: Cameras = None
    """Masks for these cameras instead of the capture's: a transforms.json, or a folder with one or a COLMAP model."""
    antialias: bool = False
    """Masks with smooth edges: grey is the share of a pixel that shows the object."""

    def run(self, terminal: Terminal) -> None:
        """Select, write, and print what was selected."""
        prompt = Prompt(
            view=self.view,
            click=None if self.click is None else parse_numbers(self.click, 2, "--click"),
            box=None if self.box is None else parse_numbers(self.box, 4, "--box"),
            mask=self.mask,
            threshold=self.threshold,
        )
        if sum(given is not None for given in (prompt.click, prompt.box, prompt.mask)) != 1:
            raise PromptError("give exactly one prompt: --click X,Y or --box X0,Y0,X1,Y1 or --mask PNG")
        run = open_run(self.folder)
        terminal.results.print(select_in_run(run, prompt, self.output, terminal, self.cameras, self.antialias))
