"""Segments a run's splat from masks: features, clusters, the table of segments, label maps of every view."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch

from splatseg.cluster.cluster import segments_of
from splatseg.cluster.hierarchy_file import write_hierarchy
from splatseg.cluster.mask_fit import fit_of_views, misfit
from splatseg.errors import RunError
from splatseg.features.contrast.fit import fit_contrast_features
from splatseg.features.paper.fit import fit_paper_features
from splatseg.features.report import FeatureReport
from splatseg.jobs.blocks.pieces import OnePiece, Pieces, pieces_of
from splatseg.jobs.blocks.request import engine_of, in_blocks
from splatseg.jobs.check import check_settings
from splatseg.jobs.masks import propose_for_run, superpixels_for_run
from splatseg.report.run_report import report_run
from splatseg.requests.blocks import Blocks
from splatseg.run.folder import Run
from splatseg.run.hold import held
from splatseg.run.reporter import NullReporter, Reporter, Summary
from splatseg.run.settings import Masks, Method
from splatseg.run.staging import staged
from splatseg.scene.earlier_segments import Earlier, earlier_segments, settled, write_earlier
from splatseg.segments.segment import describe_segments
from splatseg.segments.segments_json import write_segments
from splatseg.splats.made_of import GEOMETRY, made_of
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.confidence import segment_confidence
from splatseg.votes.votes import Votes

DOING = "splatseg segment"
"""Name of this job for who finds the run held."""


def segment_run(
    run: Run,
    masks: Masks = None,
    method: Method = "lift",
    iterations: int | None = None,
    granularity: float | None = None,
    true_masks: str | Path | None = None,
    reporter: Reporter | None = None,
    force: bool = False,
    blocks: Blocks = None,
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
    blocks: number of blocks of a splat that is too large for memory, or "auto"; None as the run was made. The results
    are the same to the bit. A `requests.blocks.BlocksRequest` also names workers that share its views.

    Raises MaskError for bad masks, RunError if the run has no splat or no masks, or is open elsewhere, and for a method
    other than lift in blocks.

    Example:
        >>> summary = splatseg.segment_run(spare, granularity=0.3)
        >>> len(splatseg.open(spare.path).segments) > 1
        True
    """
    reporter = reporter or NullReporter()
    with held(run.path, DOING):
        settings = run.settings.with_method(method, iterations, granularity).with_given_masks(masks, true_masks)
        run.require_photographs()
        changed = Run(run.path, in_blocks(run, settings, blocks, reporter))
        with engine_of(changed, blocks, reporter) as engine, pieces_of(changed, engine) as pieces:
            check_settings(changed.settings, run.capture, reporter, force, given=False)
            earlier = earlier_segments(run, pieces.splats)
            propose_for_run(changed, reporter, pieces.splats)
            segmented, votes = find_features(changed, pieces, reporter)
            segmented = write_segmented(changed, segmented, votes, reporter, pieces, earlier)
            return report_run(changed, reporter, pieces.shown(changed, segmented))


def find_features(run: Run, pieces: Pieces, reporter: Reporter) -> tuple[Splats, Votes | None]:
    """Return the splat with features from the masks of the training views, by the run's method, and the votes.

    The votes are None for `paper`, which works without them. Geometry stays as it is.
    """
    method, splats = run.settings.method, pieces.splats.replace(features=None, segment_ids=None)
    with run.timed(f"features ({method})"):
        if method == "paper":
            return _trained(run, splats, None, reporter), None
        votes = pieces.collect(run, reporter)
        if method == "contrast":
            return _trained(run, splats, votes, reporter), votes
        with reporter.stage("embedding", 1) as advance:
            embedded = pieces.embed(run, splats, votes)
            advance(1)
        return embedded, votes


def _trained(run: Run, splats: Splats, votes: Votes | None, reporter: Reporter) -> Splats:
    settings, views, masks = run.settings, run.capture.split("train"), run.masks()
    steps = (settings.paper if votes is None else settings.contrast).iterations
    with reporter.stage("contrast", steps) as advance:

        def on_step(report: FeatureReport) -> None:
            advance(report.step, loss=f"{report.loss:.3g}")

        if votes is None:
            return fit_paper_features(splats, views, masks, settings.paper, on_step)
        return fit_contrast_features(splats, views, masks, votes, settings.contrast, on_step)


def regroup_run(run: Run, granularity: float, reporter: Reporter | None = None, blocks: Blocks = None) -> Summary:
    """Cut the hierarchy of a run at another granularity, 0 for parts to 1 for groups; return a summary.

    Takes seconds, because features and hierarchy stay. blocks: as for `segment_run`.

    Raises RunError for a granularity outside 0..1 and for a run without a hierarchy, or open elsewhere.
    """
    reporter = reporter or NullReporter()
    run.require_photographs()  # which the report shows
    changed = Run(run.path, in_blocks(run, run.settings.with_granularity(granularity), blocks, reporter))
    with held(run.path, DOING), engine_of(changed, blocks, reporter) as engine, pieces_of(changed, engine) as pieces:
        splats = pieces.splats
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
        with _begun(changed, earlier), staged(changed, [run.earlier_path.name]) as aside:
            splats = _write_segments(changed, aside, splats, ids, agreement, reporter, earlier, pieces)
        return report_run(changed, reporter, pieces.shown(changed, splats))


def write_segmented(
    run: Run,
    splats: Splats,
    votes: Votes | None,
    reporter: Reporter,
    pieces: Pieces,
    earlier: Earlier | None = None,
) -> Splats:
    """Cluster a splat that has features; write votes, hierarchy, splats.ply, segments.json, masks/, the settings.

    All of them appear together, when they are complete. Returns the splat with its segments.

    earlier: the run's earlier segments, whose ids, names and colours go to new segments that are mostly the same.
    """
    with run.timed("clustering"), reporter.stage("clustering", 1) as advance:
        agreement = Agreement(votes) if votes is not None else None
        superpixels = superpixels_for_run(run, reporter)
        borders = None if superpixels is None or votes is None else pieces.borders(run, superpixels)
        clusters = pieces.cluster(run, splats, votes, agreement, borders)
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
    digests = pieces.digests(splats)
    remade = [path.name for path in (run.votes_path, run.hierarchy_path, run.earlier_path)]
    with _begun(run, earlier or Earlier()), staged(run, remade) as aside:
        if votes is not None:
            pieces.write_votes(aside.votes_path, votes, digests)
        write_hierarchy(aside.hierarchy_path, clusters.hierarchy, digests)
        return _write_segments(run, aside, splats, clusters.ids, agreement, reporter, earlier or Earlier(), pieces)


@contextmanager
def _begun(run: Run, earlier: Earlier) -> Iterator[None]:
    """Keep the earlier segments as they were while new ones take their place: an end in between mixes both."""
    write_earlier(run.begun_path, earlier)
    before = _results(run)
    try:
        yield
    except BaseException:
        if _results(run) == before:
            run.begun_path.unlink(missing_ok=True)
        raise
    run.begun_path.unlink(missing_ok=True)


def _results(run: Run) -> set[tuple[Path, int]]:
    """Return the results that lie in a run, and which files they are."""
    found = [*run.path.glob("[!.]*.safetensors"), *run.path.glob("[!.]*.ply"), *run.path.glob("masks/[!.]*.png")]
    return {(path, path.stat().st_ino) for path in found}


def _write_segments(
    run: Run,
    aside: Run,
    splats: Splats,
    ids: np.ndarray,
    agreement: Agreement | None,
    reporter: Reporter,
    earlier: Earlier,
    pieces: Pieces,
) -> Splats:
    """Write segments (N,) of a run to `aside`, in its place; return the splat with them."""
    ids, names, colors = settled(run, splats, ids, earlier)
    splats = splats.replace(segment_ids=torch.from_numpy(ids))
    if earlier.labelings:
        kept = len(set(np.unique(ids[ids > 0])) & earlier.ids)
        reporter.say(f"{kept} of {len(colors)} segments are mostly earlier ones and keep id, name and colour")
    with run.timed("label maps"):
        pieces.write_label_maps(run, aside.path / "masks", splats, reporter)
    write_earlier(aside.earlier_path, earlier.without(ids), made_of(splats, GEOMETRY))
    pieces.write_splats(aside.splats_path, splats)
    table = describe_segments(splats, names, colors=colors, confidences=confidence_values(agreement, ids))
    write_segments(aside.segments_path, table)
    return splats


def confidence_values(agreement: Agreement | None, ids: np.ndarray) -> dict[int, float]:
    """Return the confidence of every segment in ids (N,), by id; empty for a run without votes."""
    if agreement is None:
        return {}
    return {label: found.value for label, found in segment_confidence(agreement, ids).items()}


def write_label_maps(run: Run, aside: Run, splats: Splats, reporter: Reporter) -> None:
    """Write the label map masks/<view>.png of every view of the run's capture to `aside`."""
    with run.timed("label maps"):
        OnePiece(splats).write_label_maps(run, aside.path / "masks", splats, reporter)
