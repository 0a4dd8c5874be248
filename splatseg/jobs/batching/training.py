"""Tasks that fit and segment a capture each, for batches in Python; those of the command line are in `cli`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from splatseg.jobs.batching.task import Task
from splatseg.jobs.train import start_run, train_run
from splatseg.report.html import flattened
from splatseg.run.reporter import Reporter, Summary
from splatseg.run.settings import RunSettings
from splatseg.run.settings_file import to_plain


@dataclass(frozen=True)
class Training:
    """The work of `train_task`."""

    settings: RunSettings
    """Settings of the run."""
    path: Path
    """Its folder."""

    def __call__(self, reporter: Reporter) -> Summary:
        """Make the run, or go on with it."""
        return train_run(start_run(self.path, self.settings, resume=True, reporter=reporter), reporter)


def train_task(name: str, settings: RunSettings, out: Path) -> Task:
    """Return the task that makes the run OUT/NAME with such settings.

    Example:
        >>> settings = splatseg.RunSettings.of(splatseg.CaptureSettings(str(splatseg.demo_capture())))
        >>> train_task("table", settings, folder / "out").output.name
        'table'
    """
    path = Path(out).absolute() / name
    plain: Mapping[str, object] = flattened(to_plain(settings))
    options = tuple(f"{key}={value}" for key, value in sorted(plain.items()) if key != "version")
    command = f"splatseg train {shlex.quote(settings.capture.path)} -o {shlex.quote(str(path))}"
    return Task(name, Training(settings, path), options, command, path, path / "splats.ply")
