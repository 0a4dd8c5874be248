"""What is asked for of a segmentation in blocks, decided for a run: their number, and the engine."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

from splatseg.engine.in_process import InProcess
from splatseg.engine.protocol import Engine
from splatseg.errors import RunError
from splatseg.formats.parts.rows import PlyRows
from splatseg.jobs.blocks.choose import choose_blocks
from splatseg.requests.blocks import BlocksRequest
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter
from splatseg.run.settings import RunSettings


def in_blocks(run: Run, settings: RunSettings, request: BlocksRequest | None, reporter: Reporter) -> RunSettings:
    """Return settings of a run with the number of blocks that its splat is to be segmented in.

    Raises RunError for a method that needs the splat in one piece.
    """
    request = request or BlocksRequest()
    gaussians, harmonics = 0, 0
    if run.splats_path.exists():
        rows = PlyRows(run.splats_path)
        gaussians, harmonics = rows.count, rows.table.harmonics
    views = len(run.capture.split("train"))
    return with_blocks(settings, request, reporter, gaussians, harmonics, views)


def with_blocks(
    settings: RunSettings, request: BlocksRequest, reporter: Reporter, gaussians: int, harmonics: int, views: int
) -> RunSettings:
    """Return settings with the number of blocks asked for, of a splat and views of these sizes; say what auto chose.

    Raises RunError for a method that needs the splat in one piece.
    """
    blocks, why = choose_blocks(request, settings.blocks, gaussians, harmonics, views)
    if why:
        reporter.say(why)
    if blocks > 1 and settings.method != "lift":
        raise RunError(
            f"the method {settings.method} trains on the splat in one piece, and {blocks} blocks were asked for; use "
            "the method lift, or --blocks 1"
        )
    return dataclasses.replace(settings, blocks=blocks)


@contextmanager
def engine_of(request: BlocksRequest | None, reporter: Reporter) -> Iterator[Engine]:
    """Open the engine that was asked for: this process alone, if none was."""
    if request is None or request.engine is None:
        yield InProcess()
        return
    del reporter
    raise NotImplementedError
