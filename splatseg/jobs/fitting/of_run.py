"""The fit of a run in blocks: how many, on which engine, where its files lie.

bytes of a fit in one piece = GAUSSIAN * max(points + surroundings, most Gaussians)
blocks = 1 if these fit the memory, else the smallest number whose cells take half of it, beside their context
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from splatseg.capture.capture import Capture
from splatseg.capture.view import View
from splatseg.engine.in_process import InProcess
from splatseg.engine.protocol import Engine
from splatseg.errors import RunError
from splatseg.jobs.fitting.in_blocks import BlockFit
from splatseg.requests.blocks import Blocks, BlocksRequest
from splatseg.run.folder import Run, open_run
from splatseg.run.reporter import Reporter
from splatseg.run.settings import RunSettings
from splatseg.splats.splats import Splats
from splatseg.train.blocks.settings import BlockSettings
from splatseg.train.blocks.work import CellWork
from splatseg.train.settings import TrainSettings
from splatseg.untrusted.memory import in_words, machine_memory

GAUSSIAN = 800
"""Bytes of a Gaussian in a fit: parameters, moments, gradients, what is drawn (`benchmarks/bench_memory.py`)."""

BESIDE = 2.0
"""Memory of a cell, in that of its own Gaussians: margins and context."""


@dataclass(frozen=True)
class RunViews:
    """Reads the training views of a run, in any process."""

    path: str
    """The run folder."""

    def __call__(self) -> Sequence[View]:
        """Return the views. Raises RunError or CaptureError if they cannot be read."""
        return open_run(Path(self.path)).capture.split("train")


def fit_settings_in_blocks(settings: RunSettings, asked: Blocks, capture: Capture, reporter: Reporter) -> RunSettings:
    """Return the settings of a new run that fits its splat, with the number of blocks that was asked for.

    Raises RunError for more blocks than there are views to train on, for a method that needs all in one piece, and for
    workers without blocks.
    """
    request = BlocksRequest.of(asked)
    if request.blocks is None:
        if request.engine is not None:
            raise RunError("workers, a scheduler and a queue are for work in blocks; add --blocks auto or a number")
        return settings
    count, views = request.number, len(capture.split("train"))
    if count is None:
        memory = machine_memory() if request.engine is None else request.engine.memory or machine_memory()
        count = min(blocks_needed(len(capture.points), settings.train, memory), views)
        told = "one piece" if count == 1 else f"{count} blocks"
        reporter.say(f"{len(capture.points):,} points are fitted in {told}; there are {in_words(memory)} of memory")
    if count > views:
        raise RunError(f"{capture.path} has {views} views to train on, too few for {count} blocks; ask for fewer")
    if count > 1 and settings.masks and settings.method != "lift":
        raise RunError(
            f"the method {settings.method} trains on the splat in one piece, and {count} blocks were asked for; use "
            "the method lift, or leave out --blocks"
        )
    return dataclasses.replace(settings, blocks=count)


def blocks_needed(points: int, settings: TrainSettings, memory: int) -> int:
    """Return the number of blocks of a fit from so many points, in so many bytes of memory."""
    size = GAUSSIAN * max(points + settings.surroundings, settings.max_gaussians)
    return 1 if size <= memory else max(2, math.ceil(BESIDE * size / memory))


def fit_run_in_blocks(run: Run, capture: Capture, engine: Engine, reporter: Reporter) -> Splats:
    """Fit the splat of a run in as many blocks as its settings say.

    capture: that of the run, with points.

    Raises RunError if cells fail, KeyboardInterrupt when asked to stop.
    """
    settings, blocks = run.settings.train, BlockSettings(cells=run.settings.blocks)
    here = isinstance(engine, InProcess)
    work = CellWork((lambda: capture.split("train")) if here else RunViews(str(run.path.absolute())), settings)
    return BlockFit(run.cells_path, capture, settings, blocks, work, reporter, run.record).splats(engine)
