"""The main job: turns a capture and masks into a run with a splat, segments and a report."""

from __future__ import annotations

from pathlib import Path

from splatseg.capture.capture import Capture
from splatseg.errors import CaptureError
from splatseg.features.paper.fit import PaperObjective
from splatseg.formats.ply.ply import write_ply
from splatseg.formats.read import describe_dropped, load_splats
from splatseg.interrupts import stop_on_interrupt
from splatseg.jobs.masks import check_masks, propose_for_run, warn_of_stranger
from splatseg.jobs.segment import find_features, write_segmented
from splatseg.report.run_report import report_run
from splatseg.run.folder import Run, create_run
from splatseg.run.reporter import NullReporter, Reporter
from splatseg.run.settings import RunSettings
from splatseg.splats.splats import Splats
from splatseg.train.fit import StepReport, fit_splats
from splatseg.votes.file import read_votes


def start_run(path: Path, settings: RunSettings, resume: bool = False, overwrite: bool = False) -> Run:
    """Check all input before anything is written, then make the run folder, or open it to resume.

    Raises CaptureError, MaskError or SplatFileError for bad input, RunError as `create_run` does.

    Example:
        >>> data = splatseg.demo_capture()
        >>> settings = splatseg.RunSettings.of(splatseg.CaptureSettings(str(data), downscale=4), iterations=20)
        >>> splatseg.start_run(folder / "started", settings).splats_path.exists()
        False
    """
    capture = settings.capture.load()
    _check_capture(capture, settings)
    check_masks(settings, capture.views)
    if settings.splats:
        load_splats(Path(settings.splats))
    return create_run(path, settings, resume=resume, overwrite=overwrite)


def train_run(run: Run, reporter: Reporter | None = None) -> str:
    """Do the steps that a run still lacks: propose masks (`auto`), fit or load the splat, segment, report.

    Returns a summary. Ctrl-C leaves a checkpoint; --resume continues from it with the same bits.

    Example:
        >>> data = splatseg.demo_capture()
        >>> settings = splatseg.RunSettings.of(splatseg.CaptureSettings(str(data), downscale=4), iterations=20)
        >>> room = splatseg.start_run(folder / "room", settings)
        >>> summary = splatseg.train_run(room)
        >>> room.splats_path.exists()
        True
    """
    reporter = reporter or NullReporter()
    joint = run.settings.method == "paper"  # which fits geometry and features together, and needs masks for it
    if joint and not run.segments_path.exists():
        propose_for_run(run, reporter)
    if not run.splats_path.exists():
        with run.timed("geometry"):
            write_ply(run.splats_path, _taken(run, reporter) if run.settings.splats else _fitted(run, reporter))
    if run.settings.masks and not run.segments_path.exists():
        splats = run.splats()
        if not joint:
            propose_for_run(run, reporter, splats)
        votes = read_votes(run.votes_path) if run.votes_path.exists() else None
        if splats.features is None:
            splats, votes = find_features(run, splats, reporter)
        write_segmented(run, splats, votes, reporter)
    summary = report_run(run, reporter)
    return f"{summary}\n{run.report_path}"


def _check_capture(capture: Capture, settings: RunSettings) -> None:
    if settings.splats is None:
        capture.require_points()
    if not capture.split("train"):
        raise CaptureError(f"{capture.path} has no views left to train on; hold out fewer (--test-every, --test-views)")


def _taken(run: Run, reporter: Reporter) -> Splats:
    path = Path(str(run.settings.splats))
    splats, dropped = load_splats(path)
    if dropped:
        warning = describe_dropped(path, dropped)
        reporter.warn(warning)
        run.record(warning=warning)
    warn_of_stranger(splats, path, run.capture.views, reporter)
    # Features and ids in the file come from other masks; those of this run replace them.
    return splats.replace(features=None, segment_ids=None) if run.settings.masks else splats


def _fitted(run: Run, reporter: Reporter) -> Splats:
    settings = run.settings
    joint = settings.method == "paper" and bool(settings.masks)
    objective = PaperObjective(run.masks(), settings.paper) if joint else None
    with reporter.stage("fitting", settings.train.iterations) as advance, stop_on_interrupt() as asked:

        def on_step(report: StepReport) -> None:
            advance(report.step, PSNR=f"{report.psnr:.1f}", Gaussians=f"{report.count:,}")
            run.record(step=report.step, loss=round(report.loss, 6), psnr=round(report.psnr, 3), gaussians=report.count)

        return fit_splats(
            run.capture,
            settings.train,
            objective=objective,
            on_step=on_step,
            checkpoints=run.checkpoint_path,
            resume=True,
            stop=asked.is_set,
        )
