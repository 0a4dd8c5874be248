"""`splatseg demo`: the whole job on the capture that comes with the package."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import Device, Form, Printed
from splatseg.cli.console import Terminal


@dataclass(frozen=True)
class Demo:
    """Run everything on the embedded capture: fit, lift, cluster, evaluate, report. About two minutes on a laptop."""

    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="RUN")] = Path("splatseg-demo")
    """The run folder to make."""
    iterations: int | None = None
    """Steps of the photometric fit. Default: the demo's own."""
    seed: int = 0
    """The same seed gives the same files."""
    overwrite: bool = False
    """Replace a run that is already there."""
    device: Device = None
    """Processor or NVIDIA card to compute on; auto: the card, if there is one that can be used. Default:
    SPLATSEG_DEVICE, else auto."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Make the run and print its figures."""
        from splatseg.run.create import check_room

        check_room(self.output, overwrite=self.overwrite)
        from splatseg.jobs.demo import demo_run

        made = demo_run(self.output, self.iterations, self.seed, self.overwrite, terminal)
        terminal.result(made.shown(), made.facts())
