"""The main job: turns a capture and masks into a run with a splat, segments and a report."""

from __future__ import annotations

import dataclasses
import shutil
from contextlib import nullcontext
from pathlib import Path

import numpy as np

from splatseg.capture.capture import Capture
from splatseg.capture.point_cloud import read_point_cloud, write_point_cloud
from splatseg.checks.world import placed
from splatseg.engine.protocol import Engine
from splatseg.errors import CaptureError
from splatseg.features.paper.fit import PaperObjective
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import load_splats
from splatseg.interrupts import stop_on_interrupt
from splatseg.jobs.blocks.pieces import pieces_of
from splatseg.jobs.blocks.request import engine_of, settings_in_blocks
from splatseg.jobs.blocks.take import check_in_blocks, take_in_blocks
from splatseg.jobs.check import check_settings
from splatseg.jobs.fitting.of_run import fit_run_in_blocks, fit_settings_in_blocks
from splatseg.jobs.masks import propose_for_run
from splatseg.jobs.segment import find_features, write_segmented
from splatseg.poses.child import INSTALL, has_pycolmap
from splatseg.poses.stages import Stages
from splatseg.poses.triangulate import triangulate
from splatseg.report.run_report import report_run
from splatseg.requests.blocks import Blocks
from splatseg.run.create import create_run
from splatseg.run.folder import SETTINGS, Run
from splatseg.run.hold import held
from splatseg.run.kept_cameras import keep_cameras
from splatseg.run.reporter import NullReporter, Reporter, Summary
from splatseg.run.settings import RunSettings
from splatseg.splats.made_of import is_stale
from splatseg.splats.splats import Splats
from splatseg.train.fit import fit_splats
from splatseg.train.task import StepReport
from splatseg.train.time_left import TimeLeft
from splatseg.votes.file import read_votes

NO_POINTS = "the capture has no 3D points{}, so the fit starts from random ones, takes longer and finds less; "
"""Told of a capture without points, from which none are found."""

DOING = "splatseg train"
"""Name of this job for who finds the run held."""

FEWEST_POINTS = 100
"""Points found by matching below which random ones are taken: so few do not tell where things are."""


def start_run(
    path: Path,
    settings: RunSettings,
    resume: bool = False,
    overwrite: bool = False,
    reporter: Reporter | None = None,
    force: bool = False,
    blocks: Blocks = None,
) -> Run:
    """Check all input together before anything is written, then make the run folder, or open it to resume.

    Every mask is read, and a splat is compared with the photographs (`checks`). force: what does not belong together is
    told and not refused. blocks: of what is too large for one piece.

    Raises CaptureError, MaskError or SplatFileError for bad input, RunError as `create_run` does and for a run that is
    open elsewhere.

    Example:
        >>> data = splatseg.demo_capture()
        >>> settings = splatseg.RunSettings.of(splatseg.CaptureSettings(str(data), downscale=4), iterations=20)
        >>> splatseg.start_run(folder / "started", settings).splats_path.exists()
        False
    """
    reporter = reporter or NullReporter()
    capture = settings.capture.load()
    if not capture.split("train"):
        raise CaptureError(f"{capture.path} has no views left to train on; hold out fewer (--test-every, --test-views)")
    begun = resume and (Path(path) / SETTINGS).exists()
    if not begun:  # one that is resumed goes on in the blocks that it began in
        if settings.splats is None:
            settings = fit_settings_in_blocks(settings, blocks, capture, reporter)
        else:
            settings = settings_in_blocks(settings, blocks, len(capture.split("train")), reporter)
    told = [] if begun else _checked(path, settings, capture, reporter, force)
    if not begun and settings.splats is None and len(capture.points) == 0 and not has_pycolmap():
        no_points = f"{NO_POINTS.format('')}with pycolmap, points are found by matching; install it with: {INSTALL}"
        told = [*told, no_points]
        reporter.warn(no_points)
    # A run that is replaced may be open elsewhere.
    with held(Path(path), DOING) if (Path(path) / SETTINGS).exists() else nullcontext():
        run = create_run(path, settings, resume=resume, overwrite=overwrite)
    if not begun:
        keep_cameras(run.path, capture)
        for warning in told:
            run.record(warning=warning)
    return run


def _checked(path: Path, settings: RunSettings, capture: Capture, reporter: Reporter, force: bool) -> list[str]:
    if settings.splats is None or settings.blocks == 1:
        return check_settings(settings, capture, reporter, force)
    told = check_settings(settings, capture, reporter, force, given=False)
    return told + check_in_blocks(Path(settings.splats), path, settings.blocks, capture, reporter, force)


def train_run(run: Run, reporter: Reporter | None = None, blocks: Blocks = None) -> Summary:
    """Do the steps that a run still lacks: propose masks (`auto`), fit or load the splat, segment, report.

    blocks: the engine that works on them if the run is made in blocks.

    Returns a summary. Ctrl-C leaves a checkpoint; --resume continues from it with the same bits. Raises RunError for a
    run that is open elsewhere.

    Example:
        >>> data = splatseg.demo_capture()
        >>> settings = splatseg.RunSettings.of(splatseg.CaptureSettings(str(data), downscale=4), iterations=20)
        >>> room = splatseg.start_run(folder / "room", settings)
        >>> summary = splatseg.train_run(room)
        >>> room.splats_path.exists()
        True
    """
    with held(run.path, DOING):
        return _trained(run, reporter or NullReporter(), blocks)


def _trained(run: Run, reporter: Reporter, blocks: Blocks) -> Summary:
    joint = run.settings.method == "paper"  # which fits geometry and features together, and needs masks for it
    if joint and not run.segments_path.exists():
        propose_for_run(run, reporter)
    with engine_of(run, blocks, reporter) as engine:
        if not run.splats_path.exists():
            with run.timed("geometry"):
                _make_splats(run, engine, reporter)
        return _segmented(run, engine, reporter)


def _make_splats(run: Run, engine: Engine, reporter: Reporter) -> None:
    """Write the splat of a run, fitted or taken from a file."""
    if run.settings.splats and run.settings.blocks > 1:
        take_in_blocks(run)
        return
    write_ply(run.splats_path, _taken(run) if run.settings.splats else _fitted(run, engine, reporter), own=False)
    if run.cells_path.exists():
        shutil.rmtree(run.cells_path, ignore_errors=True)


def _segmented(run: Run, engine: Engine, reporter: Reporter) -> Summary:
    """Segment the splat of a run, if it is to be, and write the report."""
    joint = run.settings.method == "paper"
    with pieces_of(run, engine) as pieces:
        splats = pieces.splats
        if run.settings.masks and not run.segments_path.exists():
            if not joint:
                propose_for_run(run, reporter, splats)
            fresh = run.votes_path.exists() and not is_stale(run.votes_path, splats)
            votes = read_votes(run.votes_path) if fresh else None
            if splats.features is None or (votes is None and not joint):
                splats, votes = find_features(run, pieces, reporter)
            splats = write_segmented(run, splats, votes, reporter, pieces)
        summary = report_run(run, reporter, pieces.shown(run, splats))
    return Summary(f"{summary}\n{run.report_path}", **summary.facts)


def _taken(run: Run) -> Splats:
    path = Path(str(run.settings.splats))
    # All that there is to say of it was said before the run began.
    splats = placed(load_splats(path)[0], path, run.capture).splats
    # Features and ids in the file come from other masks; those of this run replace them.
    return splats.replace(features=None, segment_ids=None) if run.settings.masks else splats


def _fitted(run: Run, engine: Engine, reporter: Reporter) -> Splats:
    settings = run.settings
    capture = run.capture if len(run.capture.points) else _with_points(run, reporter)
    if settings.blocks > 1:
        return fit_run_in_blocks(run, capture, engine, reporter)
    joint = settings.method == "paper" and bool(settings.masks)
    objective = PaperObjective(run.masks(), settings.paper) if joint else None
    pixels = [view.camera.width * view.camera.height for view in capture.split("train")]
    time_left, reports = TimeLeft(settings.train, float(np.mean(pixels))), list[tuple[int, float, int]]()
    with reporter.stage("fitting", settings.train.iterations) as advance, stop_on_interrupt() as asked:

        def on_step(report: StepReport) -> None:
            reports.append((report.step, report.seconds, report.count))
            left = time_left.seconds(reports)
            estimate = {} if left is None else {"left": f"{left:.1f}"}
            advance(report.step, PSNR=f"{report.psnr:.1f}", Gaussians=f"{report.count:,}", **estimate)
            run.record(step=report.step, loss=round(report.loss, 6), psnr=round(report.psnr, 3), gaussians=report.count)
            if report.step == settings.train.iterations:
                run.record(color_strength=round(report.color_strength or 0.0, 3))

        return fit_splats(
            capture,
            settings.train,
            objective=objective,
            on_step=on_step,
            checkpoints=run.checkpoint_path,
            resume=True,
            stop=asked.is_set,
        )


def _with_points(run: Run, reporter: Reporter) -> Capture:
    """Return the capture of a run with points that are found by matching its photographs, if they can be."""
    if not has_pycolmap():
        return run.capture  # told when the run began
    if not run.points_path.exists():
        with run.timed("points"), Stages(reporter) as stages:
            found = triangulate(run.capture.split("train"), run.matches_path, stages)
        write_point_cloud(run.points_path, *found)
        shutil.rmtree(run.matches_path)
        if len(found[0]) < FEWEST_POINTS:
            told = (
                NO_POINTS.format(f", and matching its photographs found {len(found[0])}")
                + "photographs that overlap by two thirds give more"
            )
            reporter.warn(told)
            run.record(warning=told)
    points, colors = read_point_cloud(run.points_path)
    if len(points) < FEWEST_POINTS:
        return run.capture
    return dataclasses.replace(run.capture, points=points.astype(np.float32), point_colors=colors)
