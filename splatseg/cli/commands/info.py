"""`splatseg info`: facts about a file, a run or a capture; `splatseg check`: whether files belong together."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Optional

import tyro

from splatseg.cli.arguments import Device, Form, Printed
from splatseg.cli.console import Terminal
from splatseg.plain_text import counted, one_line

CheckedMasks = Annotated[tuple[str, ...], tyro.conf.UseAppendAction, tyro.conf.arg(metavar="DIR")]


@dataclass(frozen=True)
class Info:
    """Print facts about a splat file, a run or a capture; without a path, about this installation."""

    # Not `Path | None`: to check a default against that, tyro imports typeguard, which takes as long as tyro itself.
    path: Annotated[Optional[Path], tyro.conf.Positional, tyro.conf.arg(metavar="FILE|RUN|CAPTURE")] = None  # noqa: UP045
    """A splat file, a run folder or the folder of a capture."""
    device: Device = None
    """Processor or NVIDIA card to compute on; auto: the card, if there is one that can be used. Default:
    SPLATSEG_DEVICE, else auto."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Print a table of facts."""
        from splatseg.jobs.info import describe, describe_machine

        facts = describe_machine() if self.path is None else describe(self.path)
        width = max(len(name) for name in facts)
        lines = [one_line(f"{name:<{width}}  {value}") for name, value in facts.items()]
        terminal.result("\n".join(lines), {name.replace(" ", "_"): counted(value) for name, value in facts.items()})


@dataclass(frozen=True)
class Check:
    """Check whether photographs, cameras, masks and a splat belong together; `train` does the same before it begins.

    Every mask is read. Masks must lie on the edges of their own photograph, a splat must look like the photographs from
    their cameras. A splat in another world is found by registration, or by nerfstudio's dataparser_transforms.json
    beside it.
    """

    capture: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CAPTURE")]
    """The folder of the capture."""
    masks: CheckedMasks = ()
    """Folder of 2D masks named as the images, or several of them."""
    splats: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """A splat file."""
    skip_missing: bool = False
    """Check the images that are there, where others that the capture names are absent."""
    device: Device = None
    """Processor or NVIDIA card to compute on; auto: the card, if there is one that can be used. Default:
    SPLATSEG_DEVICE, else auto."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Print what was found; what does not belong together is an error."""
        from splatseg.capture.capture import load_capture

        capture = load_capture(self.capture, skip_missing=self.skip_missing)
        from splatseg.jobs.check import check_given

        terminal.result(check_given(capture, self.masks, self.splats, terminal))
