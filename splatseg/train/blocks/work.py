"""The work of an engine on one cell: its fit, with a file that tells how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from splatseg.capture.view import View
from splatseg.interrupts import stop_on_interrupt
from splatseg.progress import Stage, read_stage, write_stage
from splatseg.train.blocks.cell import fit_cell
from splatseg.train.settings import TrainSettings
from splatseg.train.task import StepReport, Watch

PROGRESS = "progress.json"
"""File in the folder of a cell that tells how far it is (`progress.Stage`)."""

TOLD_EVERY = 1.0
"""Seconds from one writing of the progress to the next."""


@dataclass(frozen=True)
class CellWork:
    """Fits a cell, given its folder: what an engine calls. It is made of what can be sent to another process."""

    views: Callable[[], Sequence[View]]
    """Returns the training views of the capture."""
    settings: TrainSettings
    """Settings of the fit of the whole."""

    def __call__(self, folder: str) -> int:
        """Fit the cell and return the number of its Gaussians; Ctrl-C leaves a checkpoint."""
        with stop_on_interrupt() as asked:
            told = Told(Path(folder), self.settings.iterations)
            return fit_cell(Path(folder), self.views(), self.settings, Watch(told, stop=asked.is_set))


@dataclass
class Told:
    """Writes reports of a fit to `PROGRESS` in the folder of its cell, now and then: `psnr` is of one view, dB."""

    folder: Path
    """Folder of the cell."""
    steps: int
    """Steps of the whole fit."""
    _next: float = field(default=0.0, init=False)

    def __call__(self, report: StepReport) -> None:
        """Write one report, if the last was not written just now."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + TOLD_EVERY
            facts = {"psnr": round(report.psnr, 3), "gaussians": report.count}
            write_stage(self.folder / PROGRESS, Stage("fitting", report.step, self.steps, facts=facts))


def progress_of(folder: Path) -> Stage | None:
    """Return how far a cell is, with the numbers `psnr` and `gaussians`; None before it is told."""
    found = read_stage(folder / PROGRESS)
    told = found is not None and all(isinstance(found.facts.get(name), float) for name in ("psnr", "gaussians"))
    return found if told else None
