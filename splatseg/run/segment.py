"""From masks to segments: features, clusters, their table, and label maps of every view."""

from __future__ import annotations

import time
from pathlib import Path

import torch

from splatseg.cluster import cluster_splats
from splatseg.contrast import FeatureReport, fit_features
from splatseg.lift import Agreement, Votes, collect_votes, embed, fill_unseen, write_votes
from splatseg.output import describe_segments, label_map, write_label_map, write_segments
from splatseg.run.folder import Run, save_settings
from splatseg.run.report import report_run
from splatseg.run.reporter import Reporter
from splatseg.run.settings import Method
from splatseg.splats import Splats, write_ply


def segment_run(
    run: Run,
    reporter: Reporter,
    masks: Path | None = None,
    method: Method = "lift",
    iterations: int | None = None,
    granularity: float | None = None,
) -> str:
    """Give the splat of a run features and segments, anew if it has some. Returns a summary.

    What the run had stays until the new segments are there. masks: their folder, if not the one the run was made with.
    granularity: 0 for parts to 1 for groups, None for 1/2.

    Raises MaskError for bad masks, RunError when the run has no splat or no masks are known.
    """
    splats = run.splats()
    run.masks(masks)  # says what is wrong with them before anything changes
    settings = run.settings.with_method(method, iterations, granularity)
    settings = settings.with_masks(str(masks or run.settings.masks))
    changed = Run(run.path, settings)
    segmented, votes = find_features(changed, splats.replace(features=None, segment_ids=None), reporter)
    changed = save_settings(run, settings)
    write_segmented(changed, segmented, votes, reporter)
    return report_run(changed, reporter)


def find_features(run: Run, splats: Splats, reporter: Reporter) -> tuple[Splats, Votes | None]:
    """The splat with features from the masks of the run's training views, by its method, and the votes they are from
    (None for `paper`). Geometry is not touched."""
    votes = None
    began = time.monotonic()
    views, masks = run.capture.split("train"), run.masks()
    if run.settings.method == "paper":
        config = run.settings.contrast
        with reporter.stage("contrast", config.iterations) as advance:

            def on_step(report: FeatureReport) -> None:
                advance(report.step, loss=f"{report.loss:.3g}")

            splats = fit_features(splats, views, masks, config, on_step)
    else:
        with reporter.stage("votes", len(views)) as advance:
            votes = collect_votes(splats, views, masks, lambda done, total: advance(done))
        with reporter.stage("embedding", 1) as advance:
            features = fill_unseen(embed(votes, run.settings.embed), splats.means.numpy())
            splats = splats.replace(features=torch.from_numpy(features))
            advance(1)
    run.record(timing=f"features ({run.settings.method})", seconds=round(time.monotonic() - began, 3))
    return splats, votes


def write_segmented(run: Run, splats: Splats, votes: Votes | None, reporter: Reporter) -> None:
    """Cluster a splat that has features and write all that follows: votes, splats.ply, segments.json, masks/."""
    began = time.monotonic()
    with reporter.stage("clustering", 1) as advance:
        clusters = cluster_splats(splats, run.settings.cluster, Agreement(votes) if votes is not None else None)
        splats = splats.replace(segment_ids=torch.from_numpy(clusters.ids))
        advance(1)
    run.record(timing="clustering", seconds=round(time.monotonic() - began, 3))
    write_label_maps(run, splats, reporter)
    if votes is None:
        run.votes_path.unlink(missing_ok=True)
    else:
        write_votes(run.votes_path, votes)
    write_ply(run.splats_path, splats)
    # Last, because its presence says that segmenting has finished.
    write_segments(run.segments_path, describe_segments(splats))


def write_label_maps(run: Run, splats: Splats, reporter: Reporter) -> None:
    """Write masks/<view>.png of every view of the capture."""
    began = time.monotonic()
    with reporter.stage("label maps", len(run.capture.views)) as advance:
        for done, view in enumerate(run.capture.views, start=1):
            write_label_map(run.path / "masks" / view.png_name, label_map(splats, view.camera))
            advance(done)
    run.record(timing="label maps", seconds=round(time.monotonic() - began, 3))
