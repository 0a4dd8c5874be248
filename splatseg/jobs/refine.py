"""Refines the boundaries of a run's segments and writes the result as a new run; the original stays as it is."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
import time
from pathlib import Path

from splatseg.cluster.hierarchy import Hierarchy
from splatseg.cluster.hierarchy_file import write_hierarchy
from splatseg.errors import RunError
from splatseg.files import atomic_folder
from splatseg.formats.ply.ply import write_ply
from splatseg.jobs.blocks.at_hand import check_memory
from splatseg.jobs.segment import confidence_values, write_label_maps
from splatseg.parts import is_empty
from splatseg.refine.atoms import inherited_atoms
from splatseg.refine.refine import Refined, refine_boundaries
from splatseg.refine.settings import RefineSettings
from splatseg.report.run_report import report_run
from splatseg.run.create import create_run
from splatseg.run.folder import SETTINGS, Run, open_run
from splatseg.run.reporter import Advance, NullReporter, Reporter, Summary
from splatseg.segments.segment import Segment, describe_segments
from splatseg.segments.segments_json import read_segments, write_segments
from splatseg.splats.made_of import FEATURES, GEOMETRY, made_of
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.file import write_votes


def refine_run(
    run: Run, output: Path, settings: RefineSettings | None = None, reporter: Reporter | None = None
) -> Summary:
    """Split and settle the Gaussians that straddle two segments; write a new run folder and return a summary.

    Ids, names and colours of segments stay; a segment that loses all its Gaussians leaves the table.

    Raises RunError if the run has no segments or masks, or if `output` is not empty; MaskError for bad masks;
    SplatsegError if its splat does not fit into memory.

    Example:
        >>> summary = splatseg.refine_run(spare, folder / "refined")
        >>> (folder / "refined" / "splats.ply").exists()
        True
    """
    reporter = reporter or NullReporter()
    settings = settings or RefineSettings(seed=run.settings.seed)
    _check_room(run, output)
    instead = "export the segments whose edges matter and refine where there is more memory"
    check_memory(f"refining {run.path}", (run.path,), instead, reporter.warn, twice=True)
    splats = run.splats()
    if splats.segment_ids is None or not run.segments_path.exists():
        raise RunError(f"{run.path} has no segments to refine; run `splatseg segment {run.path} --masks DIR` first")
    masks, named, hierarchy = run.masks(), read_segments(run.segments_path), run.hierarchy(splats)
    began = time.monotonic()
    progress = _Stages(reporter)
    background = run.settings.train.background
    refined = refine_boundaries(splats, run.capture.split("train"), masks, settings, background, progress)
    progress.close()
    seconds = round(time.monotonic() - began, 3)

    with atomic_folder(output) as folder:
        made = create_run(folder, dataclasses.replace(run.settings, refine=settings))
        for row in run.metrics():
            made.record(**row)
        made.record(timing="refining", seconds=seconds)
        made.record(refined=str(run.path.absolute()), split=refined.split, moved=int(refined.moved.sum()))
        if run.settings.proposes:
            # The proposals are of the surface before, which their record says: `segment --masks auto` makes new ones.
            shutil.copytree(run.proposals_path, made.proposals_path)
        write_label_maps(made, made, refined.splats, reporter)
        digests = made_of(refined.splats, GEOMETRY, FEATURES)
        agreement = None
        if run.votes_path.exists():
            write_votes(made.votes_path, refined.votes, digests)
            agreement = Agreement(refined.votes)
        if hierarchy is not None:
            atoms = inherited_atoms(hierarchy.atoms, refined.parent, splats, refined.splats)
            write_hierarchy(made.hierarchy_path, Hierarchy(atoms, hierarchy.merges, hierarchy.levels), digests)
        write_ply(made.splats_path, refined.splats, own=False)
        write_segments(made.segments_path, _table(refined.splats, named, agreement))
    made = open_run(output)
    reported = report_run(made, reporter)
    text = f"{_said(refined, len(splats))}\n{reported}\n{made.report_path}"
    return Summary(text, **reported.facts, split=refined.split, moved=int(refined.moved.sum()))


def _said(refined: Refined, before: int) -> str:
    changed = int(refined.moved.sum())
    return (
        f"split {refined.split:,} of {before:,} Gaussians that straddled two segments, "
        f"adjusted {changed:,} at boundaries, left {len(refined.splats) - changed:,} as they were"
    )


def _check_room(run: Run, output: Path) -> None:
    if output.resolve() == run.path.resolve():
        raise RunError(f"{output} is the run itself, which refining never changes; name a new folder with -o")
    if output.exists() and (not output.is_dir() or not (is_empty(output) or _is_unfinished(output))):
        raise RunError(f"{output} is not empty, and refining overwrites nothing; name a new folder with -o")


def _is_unfinished(output: Path) -> bool:
    """Tell whether a folder is of a refinement that was killed, which may begin anew."""
    if not (output / SETTINGS).exists():
        return False
    made = open_run(output)
    return made.settings.refine is not None and not made.segments_path.exists()


def _table(splats: Splats, named: tuple[Segment, ...], agreement: Agreement | None) -> tuple[Segment, ...]:
    """Return the table of a refined splat, with the names, colours and parents of the original table."""
    assert splats.segment_ids is not None
    before = {row.id: row for row in named}
    names = {row.id: row.name for row in named}
    parents = {row.id: row.parent for row in named if row.parent is not None}
    confidences = confidence_values(agreement, splats.segment_ids.numpy())
    return tuple(
        dataclasses.replace(row, color=before[row.id].color) if row.id in before else row
        for row in describe_segments(splats, names, parents, confidences=confidences)
    )


class _Stages:
    """Shows the progress of `refine_boundaries` as stages of a reporter: a new stage whenever its name changes."""

    def __init__(self, reporter: Reporter) -> None:
        self._reporter = reporter
        self._open = contextlib.ExitStack()
        self._name = ""
        self._advance: Advance | None = None

    def __call__(self, what: str, done: int, total: int) -> None:
        if what != self._name:
            self.close()
            self._name, self._advance = what, self._open.enter_context(self._reporter.stage(what, total))
        assert self._advance is not None
        self._advance(done)

    def close(self) -> None:
        """Close the open stage."""
        self._open.close()
        self._name = ""
