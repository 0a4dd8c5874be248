"""Segments a run's splat from masks: features, clusters, the table of segments, label maps of every view."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from splatseg.capture.view import View, one_a_photograph
from splatseg.cluster.cluster import cluster_splats, segments_of
from splatseg.cluster.hierarchy_file import write_hierarchy
from splatseg.cluster.mask_fit import fit_of_views, misfit
from splatseg.errors import RunError
from splatseg.features.contrast.fit import fit_contrast_features
from splatseg.features.lift.embed import embed_votes
from splatseg.features.paper.fit import fit_paper_features
from splatseg.features.report import FeatureReport
from splatseg.formats.ply.ply import write_ply
from splatseg.jobs.check import check_settings
from splatseg.jobs.masks import propose_for_run
from splatseg.render.label_maps import label_map, write_label_map
from splatseg.report.run_report import report_run
from splatseg.run.folder import Run
from splatseg.run.hold import held
from splatseg.run.reporter import NullReporter, Reporter, Summary, track_in_order
from splatseg.run.settings import Masks, Method
from splatseg.run.staging import staged
from splatseg.scene.earlier_segments import Earlier, earlier_segments, settled, write_earlier
from splatseg.segments.segment import describe_segments
from splatseg.segments.segments_json import write_segments
from splatseg.splats.made_of import FEATURES, GEOMETRY, SEGMENTS, made_of
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.confidence import segment_confidence
from splatseg.votes.file import write_votes
from splatseg.votes.votes import Votes, collect_votes

DOING = "splatseg segment"
"""Name of this job for who finds the run held."""

NO_MASKS = "none"
"""Value of `true_masks` that leaves out those a run was made with."""


def segment_run(
    run: Run,
    masks: Masks = None,
    method: Method = "lift",
    iterations: int | None = None,
    granularity: float | None = None,
    true_masks: str | Path | None = None,
    reporter: Reporter | None = None,
    force: bool = False,
) -> Summary:
    """Give the splat of a run features and segments, in place of any it has; return a summary.

    The old segments stay until the new ones are complete; new segments that are mostly an old one keep its id, name
    and colour.

    masks: a folder of masks, `auto`, or several of them, each with a weight if it is not 1: ["sam", "person=3"]; None
    takes those the run was made with.
    granularity: 0 (parts) to 1 (groups); None is 1/2.
    true_masks: a folder of masks of some views that are known to be right and lead the others; None takes those the run
    was made with, "none" leaves them out.
    force: masks that cannot be of these photographs are told and not refused.

    Raises MaskError for bad masks, RunError if the run has no splat or no masks, or is open elsewhere.

    Example:
        >>> summary = splatseg.segment_run(spare, granularity=0.3)
        >>> len(splatseg.open(spare.path).segments) > 1
        True
    """
    reporter = reporter or NullReporter()
    with held(run.path, DOING):
        splats = run.splats()
        settings = run.settings.with_method(method, iterations, granularity)
        chosen = run.settings.masks if masks is None else masks
        drawn = run.settings.true_masks if true_masks is None else true_masks
        settings = settings.with_masks(chosen, None if drawn == NO_MASKS else drawn)
        run.require_photographs()
        check_settings(settings, run.capture, reporter, force, given=False)
        earlier = earlier_segments(run, splats)
        changed = Run(run.path, settings)
        propose_for_run(changed, reporter, splats)
        segmented, votes = find_features(changed, splats.replace(features=None, segment_ids=None), reporter)
        write_segmented(changed, segmented, votes, reporter, earlier)
        return report_run(changed, reporter)


def find_features(run: Run, splats: Splats, reporter: Reporter) -> tuple[Splats, Votes | None]:
    """Return the splat with features from the masks of the training views, by the run's method, and the votes.

    The votes are None for `paper`, which works without them. Geometry stays as it is.
    """
    method = run.settings.method
    with run.timed(f"features ({method})"):
        if method == "paper":
            return _trained(run, splats, None, reporter), None
        views = run.capture.split("train")
        with reporter.stage("votes", len(views)) as advance:
            votes = collect_votes(splats, views, run.masks(), lambda done, total: advance(done))
        found = _trained if method == "contrast" else _embedded
        return found(run, splats, votes, reporter), votes


def _embedded(run: Run, splats: Splats, votes: Votes, reporter: Reporter) -> Splats:
    with reporter.stage("embedding", 1) as advance:
        features = embed_votes(votes, run.settings.embed, splats.positions)
        advance(1)
    return splats.replace(features=torch.from_numpy(features))


def _trained(run: Run, splats: Splats, votes: Votes | None, reporter: Reporter) -> Splats:
    settings, views, masks = run.settings, run.capture.split("train"), run.masks()
    steps = (settings.paper if votes is None else settings.contrast).iterations
    with reporter.stage("contrast", steps) as advance:

        def on_step(report: FeatureReport) -> None:
            advance(report.step, loss=f"{report.loss:.3g}")

        if votes is None:
            return fit_paper_features(splats, views, masks, settings.paper, on_step)
        return fit_contrast_features(splats, views, masks, votes, settings.contrast, on_step)


def regroup_run(run: Run, granularity: float, reporter: Reporter | None = None) -> Summary:
    """Cut the hierarchy of a run at another granularity, 0 for parts to 1 for groups; return a summary.

    Takes seconds, because features and hierarchy stay.

    Raises RunError for a granularity outside 0..1 and for a run without a hierarchy, or open elsewhere.
    """
    reporter = reporter or NullReporter()
    settings = run.settings.with_granularity(granularity)
    run.require_photographs()  # which the report shows
    with held(run.path, DOING):
        splats = run.splats()
        hierarchy = run.hierarchy(splats)
        if hierarchy is None:
            raise RunError(
                f"{run.path} has no hierarchy of segments yet; run `splatseg segment {run.path} --masks DIR` first"
            )
        agreement = run.agreement(splats)
        earlier = earlier_segments(run, splats)
        with reporter.stage("segments", 1) as advance:
            ids = segments_of(hierarchy, granularity, agreement)
            advance(1)
        changed = Run(run.path, settings)
        with _begun(changed, earlier), staged(changed, [run.earlier_path.name]) as aside:
            _write_segments(changed, aside, splats, ids, agreement, reporter, earlier)
        return report_run(changed, reporter)


def write_segmented(
    run: Run, splats: Splats, votes: Votes | None, reporter: Reporter, earlier: Earlier | None = None
) -> None:
    """Cluster a splat that has features; write votes, hierarchy, splats.ply, segments.json, masks/, the settings.

    All of them appear together, when they are complete.

    earlier: the run's earlier segments, whose ids, names and colours go to new segments that are mostly the same.
    """
    with run.timed("clustering"), reporter.stage("clustering", 1) as advance:
        agreement = Agreement(votes) if votes is not None else None
        clusters = cluster_splats(splats, run.settings.cluster, votes, agreement)
        advance(1)
    if votes is not None and agreement is not None:
        trouble = misfit(fit_of_views(agreement, clusters.hierarchy), list(votes.witness_views))
        if trouble:
            reporter.warn(trouble)
    if votes is None and (run.settings.true_masks or any(folder.weight != 1.0 for folder in run.settings.masks)):
        reporter.warn(
            "the method paper trains on all masks alike, so weights count for nothing and true masks no more than "
            "others; use lift or contrast to let them lead"
        )
    digests = made_of(splats, GEOMETRY, FEATURES)
    remade = [path.name for path in (run.votes_path, run.hierarchy_path, run.earlier_path)]
    with _begun(run, earlier or Earlier()), staged(run, remade) as aside:
        if votes is not None:
            write_votes(aside.votes_path, votes, digests)
        write_hierarchy(aside.hierarchy_path, clusters.hierarchy, digests)
        _write_segments(run, aside, splats, clusters.ids, agreement, reporter, earlier or Earlier())


@contextmanager
def _begun(run: Run, earlier: Earlier) -> Iterator[None]:
    """Keep the earlier segments as they were while new ones take their place: a kill in between mixes both."""
    write_earlier(run.begun_path, earlier)
    try:
        yield
    finally:
        run.begun_path.unlink(missing_ok=True)


def _write_segments(
    run: Run,
    aside: Run,
    splats: Splats,
    ids: np.ndarray,
    agreement: Agreement | None,
    reporter: Reporter,
    earlier: Earlier,
) -> None:
    """Write segments (N,) of a run to `aside`, in its place."""
    ids, names, colors = settled(run, splats, ids, earlier)
    splats = splats.replace(segment_ids=torch.from_numpy(ids))
    if earlier.labelings:
        kept = len(set(np.unique(ids[ids > 0])) & earlier.ids)
        reporter.say(f"{kept} of {len(colors)} segments are mostly earlier ones and keep id, name and colour")
    write_label_maps(run, aside, splats, reporter)
    write_earlier(aside.earlier_path, earlier.without(ids), made_of(splats, GEOMETRY))
    write_ply(aside.splats_path, splats, own=False)
    table = describe_segments(splats, names, colors=colors, confidences=confidence_values(agreement, ids))
    write_segments(aside.segments_path, table)


def confidence_values(agreement: Agreement | None, ids: np.ndarray) -> dict[int, float]:
    """Return the confidence of every segment in ids (N,), by id; empty for a run without votes."""
    if agreement is None:
        return {}
    return {label: found.value for label, found in segment_confidence(agreement, ids).items()}


def write_label_maps(run: Run, aside: Run, splats: Splats, reporter: Reporter) -> None:
    """Write the label map masks/<view>.png of every view of the run's capture to `aside`."""
    digests = made_of(splats, GEOMETRY, SEGMENTS)

    def write(view: View) -> None:
        write_label_map(aside.path / "masks" / view.png_name, label_map(splats, view.seen_by), digests)

    with run.timed("label maps"):
        for _ in track_in_order(reporter, "label maps", write, one_a_photograph(run.capture.views)):
            pass
