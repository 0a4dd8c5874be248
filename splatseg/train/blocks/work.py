"""The work of an engine on one cell: its fit, with a file that tells how far it is."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from splatseg.capture.view import View
from splatseg.files import write_json
from splatseg.interrupts import stop_on_interrupt
from splatseg.train.blocks.cell import fit_cell
from splatseg.train.settings import TrainSettings
from splatseg.train.task import StepReport, Watch
from splatseg.untrusted.documents import DocumentError, read_json

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
            told = Told(Path(folder))
            return fit_cell(Path(folder), self.views(), self.settings, Watch(told, stop=asked.is_set))


@dataclass(frozen=True)
class CellProgress:
    """The place where a cell is in its steps."""

    step: int = 0
    """Steps of the whole fit that its Gaussians have had; 0 before it is told."""
    psnr: float = 0.0
    """PSNR of the last training view that was told, dB."""
    count: int = 0
    """Gaussians that are trained."""


@dataclass
class Told:
    """Writes reports of a fit to `progress.json` in the folder of its cell, now and then."""

    folder: Path
    """Folder of the cell."""
    _next: float = field(default=0.0, init=False)

    def __call__(self, report: StepReport) -> None:
        """Write one report, if the last was not written just now."""
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + TOLD_EVERY
            facts = {"step": report.step, "psnr": round(report.psnr, 3), "count": report.count}
            with suppress(OSError):  # nobody may wait for it
                write_json(self.folder / "progress.json", facts)


def progress_of(folder: Path) -> CellProgress:
    """Return how far a cell is."""
    try:
        head = read_json(folder / "progress.json")
        return CellProgress(head["step"].whole(0), head["psnr"].number(), head["count"].whole(0))
    except (OSError, DocumentError):
        return CellProgress()
