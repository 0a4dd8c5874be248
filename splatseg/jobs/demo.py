"""The embedded demo from photographs to segments, with its accuracy; the first command of a new user."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path

from rich.console import Group, RenderableType

from splatseg.demo.demo import demo_capture
from splatseg.jobs.evaluate import evaluate_run
from splatseg.jobs.train import start_run, train_run
from splatseg.run.reporter import NullReporter, Reporter
from splatseg.run.settings import CaptureSettings, RunSettings

ITERATIONS = 800
"""Steps of the photometric fit; enough for the small pictures of the demo."""
MAX_GAUSSIANS = 40_000
"""Limit of the number of Gaussians; a higher one gains little."""


def demo_run(
    path: Path,
    iterations: int | None = None,
    seed: int = 0,
    overwrite: bool = False,
    reporter: Reporter | None = None,
) -> RenderableType:
    """Train a run on the embedded capture, evaluate it against the ground truth, and return the table to print."""
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
    seconds = time.monotonic() - began
    return Group(result.table(), f"{seconds:.0f} s in all; open {run.report_path}")
