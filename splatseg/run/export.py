"""Segments of a run as a .ply that other tools open."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from splatseg.errors import PromptError
from splatseg.output import export_segments
from splatseg.run.folder import Run
from splatseg.splats import write_ply


def export_run(run: Run, ids: Sequence[int], output: Path) -> str:
    """Write the Gaussians of the segments `ids`, or all if there are none, to `output`; return a summary.

    Raises RunError when the run has no segments, PromptError for an id that no Gaussian has or another suffix.
    """
    if output.suffix.lower() != ".ply":
        raise PromptError(f"{output} does not end in .ply; splatseg exports .ply")
    splats = run.splats()
    if ids:
        count = export_segments(output, splats, ids)
    else:
        count = len(splats)
        write_ply(output, splats)
    return f"wrote {count:,} Gaussians to {output}"
