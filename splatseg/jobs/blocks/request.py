"""Decides for a run what a request for blocks asks: their number, and the engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from splatseg.engine.in_process import InProcess
from splatseg.engine.opening import open_engine
from splatseg.engine.protocol import Engine
from splatseg.errors import RunError
from splatseg.jobs.blocks.at_hand import is_ply
from splatseg.jobs.blocks.choose import choose_blocks, in_one_piece, size_of_splat
from splatseg.requests.blocks import Blocks, BlocksRequest
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter
from splatseg.run.settings import RunSettings


def in_blocks(run: Run, settings: RunSettings, asked: Blocks, reporter: Reporter) -> RunSettings:
    """Return settings of a run with the number of blocks that its splat is to be segmented in.

    Raises RunError for a method that needs the splat in one piece.
    """
    splats = run.splats_path if run.splats_path.exists() else None
    return _chosen(settings, BlocksRequest.of(asked), splats, len(run.capture.split("train")), reporter)


def settings_in_blocks(settings: RunSettings, asked: Blocks, views: int, reporter: Reporter) -> RunSettings:
    """Return settings of a new run of so many training views and a given splat, with the number of blocks asked for.

    Raises RunError as `in_blocks`.
    """
    given = None if settings.splats is None else Path(settings.splats)
    return _chosen(settings, BlocksRequest.of(asked), given, views, reporter)


def _chosen(
    settings: RunSettings, request: BlocksRequest, splats: Path | None, views: int, reporter: Reporter
) -> RunSettings:
    # Other formats are read whole to be counted: only if it has to be.
    counted = splats is not None and (request.blocks is not None or is_ply(splats))
    gaussians, harmonics = size_of_splat(splats) if counted and splats is not None else (0, 0)
    blocks, why = choose_blocks(request, settings.blocks, gaussians, harmonics, views)
    if request.blocks is None and blocks == 1:
        told, fits = in_one_piece(gaussians, harmonics, views)
        if not fits:
            reporter.warn(f"{told}; --blocks auto finds the same segments with less")
    if why:
        reporter.say(why)
    if blocks > 1 and settings.method != "lift":
        raise RunError(
            f"the method {settings.method} trains on the splat in one piece, and {blocks} blocks were asked for; use "
            "the method lift, or --blocks 1"
        )
    if blocks == 1 and request.engine is not None and not request.is_auto:
        raise RunError("workers share the views of a splat that is segmented in blocks; add --blocks auto or a number")
    return dataclasses.replace(settings, blocks=blocks)


@contextmanager
def engine_of(run: Run, asked: Blocks, reporter: Reporter) -> Iterator[Engine]:
    """Open the engine that was asked for: this process alone if none was, or the run is in one piece.

    Raises EngineError as `open_engine`.
    """
    request = None if run.settings.blocks == 1 else BlocksRequest.of(asked).engine
    with InProcess() if request is None else open_engine(request, reporter.warn) as engine:
        if engine.dashboard is not None:
            reporter.say(f"{engine.workers} workers; their dashboard is {engine.dashboard}")
        yield engine
