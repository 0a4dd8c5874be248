"""The embedded demo from photographs to segments, with its accuracy; the first command of a new user."""

from __future__ import annotations

import dataclasses
import shlex
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Group, RenderableType

from splatseg.demo.demo import demo_capture
from splatseg.evaluate.tables import Evaluation
from splatseg.jobs.evaluate import evaluate_run
from splatseg.jobs.train import start_run, train_run
from splatseg.run.folder import Run
from splatseg.run.reporter import NullReporter, Reporter
from splatseg.run.settings import CaptureSettings, RunSettings

ITERATIONS = 800
"""Steps of the photometric fit; enough for the small pictures of the demo."""
MAX_GAUSSIANS = 40_000
"""Limit of the number of Gaussians; a higher one gains little."""


@dataclass(frozen=True, eq=False)
class Demo:
    """The finished run of the demo and its accuracy."""

    run: Run
    """The run."""
    evaluation: Evaluation
    """Its accuracy against the ground truth."""
    seconds: float
    """Seconds that all of it took."""

    def shown(self) -> RenderableType:
        """Return the tables to print, and the command that comes next."""
        ends = f"{self.seconds:.0f} s in all; the report is {self.run.report_path}\nlook at it: {self.next_command}"
        return Group(self.evaluation.table(), ends)

    def facts(self) -> dict[str, Any]:
        """Return the figures as plain values."""
        return {
            **self.evaluation.means(),
            "seconds": self.seconds,
            "run": self.run.path,
            "report": self.run.report_path,
            "next": self.next_command,
        }

    @property
    def next_command(self) -> str:
        """The command that comes next."""
        return f"splatseg view {shlex.quote(str(self.run.path))}"


def demo_run(
    path: Path,
    iterations: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> Demo:
    """Train a run on the embedded capture and evaluate it against the ground truth."""
    reporter = reporter or NullReporter()
    began = time.monotonic()
    folder = demo_capture()
    settings = RunSettings.of(
        CaptureSettings(path=str(folder)), masks=str(folder / "masks"), iterations=iterations or ITERATIONS, seed=seed
    )
    train = dataclasses.replace(settings.train, max_gaussians=MAX_GAUSSIANS)
    run = start_run(path, dataclasses.replace(settings, train=train), overwrite=overwrite, reporter=reporter)
    reporter.say(f"the embedded demo: {len(run.capture.views)} views of a table in a room -> {path}")
    train_run(run, reporter)
    result = evaluate_run(run, folder / "gt" / "instance", reporter=reporter)
    return Demo(run, result, time.monotonic() - began)
