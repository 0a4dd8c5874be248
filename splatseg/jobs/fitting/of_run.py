"""The fit of a run in blocks: how many, on which engine, where its files lie.

bytes of a fit in one piece = GAUSSIAN * max(points + surroundings, most Gaussians)
blocks = 1 if these fit the memory, else the smallest number whose cells take half of it, beside their context
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from splatseg.capture.capture import Capture
from splatseg.capture.view import View
from splatseg.engine.in_process import InProcess
from splatseg.engine.protocol import Engine
from splatseg.engine.request import EngineRequest
from splatseg.errors import RunError
from splatseg.files import write_json
from splatseg.jobs.fitting.in_blocks import BlockFit
from splatseg.run.folder import Run, open_run
from splatseg.run.reporter import Reporter
from splatseg.run.settings import AUTO_BLOCKS
from splatseg.splats.splats import Splats
from splatseg.train.blocks.settings import BlockSettings
from splatseg.train.blocks.work import CellWork
from splatseg.train.settings import TrainSettings
from splatseg.untrusted.documents import DocumentError, read_json
from splatseg.untrusted.memory import in_words, memory_budget

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


def fit_run_in_blocks(run: Run, capture: Capture, engine: EngineRequest | None, reporter: Reporter) -> Splats | None:
    """Fit the splat of a run in as many blocks as its settings say; None if that is one piece.

    capture: that of the run, with points. engine: None does one cell after the other in this process.

    Raises RunError if cells fail, and EngineError if the engine cannot be used.
    """
    settings = run.settings.train
    count = _count(run, capture, engine, reporter)
    if count == 1:
        return None
    views = RunViews(str(run.path)) if engine is not None else lambda: capture.split("train")
    fit = BlockFit(
        run.cells_path, capture, settings, BlockSettings(cells=count), CellWork(views, settings), reporter, run.record
    )
    with _opened(engine, reporter) as workers:
        if workers.dashboard:
            reporter.say(f"the engine's own page: {workers.dashboard}")
        return fit.splats(workers)


def check_blocks(blocks: int | None, capture: Capture) -> None:
    """Raise RunError for more blocks than a capture has views to train on."""
    views = len(capture.split("train"))
    if blocks is not None and blocks > views:
        raise RunError(f"{capture.path} has {views} views to train on, too few for {blocks} blocks; ask for fewer")


def blocks_needed(points: int, settings: TrainSettings, memory: int) -> int:
    """Return the number of blocks of a fit from so many points, in so many bytes of memory."""
    size = GAUSSIAN * max(points + settings.surroundings, settings.max_gaussians)
    return 1 if size <= memory else max(2, math.ceil(BESIDE * size / memory))


def _count(run: Run, capture: Capture, engine: EngineRequest | None, reporter: Reporter) -> int:
    """Return the number of blocks of a run; what was found for `auto` once stays, however much memory is free later."""
    stated, path = run.settings.blocks, run.cells_path / "cells.json"
    if stated is None:
        return 1
    if stated != AUTO_BLOCKS:
        return stated
    try:
        return read_json(path)["cells"].whole(1)
    except (FileNotFoundError, DocumentError):
        pass
    memory = (engine.memory if engine is not None else None) or memory_budget()
    count = min(blocks_needed(len(capture.points), run.settings.train, memory), len(capture.split("train")))
    told = "one piece" if count == 1 else f"{count} blocks"
    reporter.say(f"the fit takes {told}: {len(capture.points):,} points, {in_words(memory)} of memory for it")
    write_json(path, {"cells": count})
    return count


def _opened(engine: EngineRequest | None, reporter: Reporter) -> AbstractContextManager[Engine]:
    if engine is None:
        return InProcess()
    from splatseg.engine.opening import open_engine  # noqa: PLC0415 (only an engine that is asked for needs Dask)

    return open_engine(engine, reporter.warn)
