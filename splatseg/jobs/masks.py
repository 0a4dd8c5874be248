"""Proposes masks from photographs, for a capture or a run without masks; flattens masks for other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from splatseg.borders.superpixels import Superpixels
from splatseg.capture.capture import Capture, load_capture
from splatseg.capture.view import View, one_a_photograph
from splatseg.checks.capture import absent_images
from splatseg.checks.trouble import settle
from splatseg.checks.world import placed
from splatseg.engine.shard import ALL, Shard, parse_shard
from splatseg.errors import MaskError
from splatseg.jobs.blocks.at_hand import splats_of_file
from splatseg.masks.flatten import flatten_masks
from splatseg.masks.layout import Layout
from splatseg.masks.propose.batch import Proposed, begin_folder, propose_views
from splatseg.masks.propose.proposers import FROM_IMAGE, Proposer, SurfaceDepth, open_proposer
from splatseg.masks.propose.record import is_of_another_surface
from splatseg.masks.propose.settings import ProposeSettings
from splatseg.masks.store import all_masks
from splatseg.plain_text import first_few
from splatseg.render.rgb import render_surface
from splatseg.requests.proposing import MasksRequest
from splatseg.run.folder import Run
from splatseg.run.reporter import NullReporter, Reporter, Summary
from splatseg.splats.made_of import GEOMETRY, made_of
from splatseg.splats.splats import Splats
from splatseg.version import __version__


def propose_for_capture(
    capture: Path, folder: Path, request: MasksRequest, reporter: Reporter | None = None
) -> Summary:
    """Propose masks for every view of a capture (train and test) that has none yet; return a summary.

    Writes one file per view into `folder`.

    Raises CaptureError, MaskError or WeightsError for bad input, if possible before anything is written.

    Example:
        >>> request = splatseg.MasksRequest(downscale=4, shard="1/32")
        >>> splatseg.propose_for_capture(splatseg.demo_capture(), folder / "masks", request).endswith("masks")
        True
    """
    reporter, shard = reporter or NullReporter(), parse_shard(request.shard)
    loaded = load_capture(capture, request.downscale, test_every=0, skip_missing=request.skip_missing)
    for trouble in absent_images(loaded):
        reporter.warn(trouble.text)
    views = loaded.views
    if request.splats is not None and request.model != FROM_IMAGE:
        raise MaskError(
            f"--splats helps proposals from the image, not the model '{request.model}'; leave out one of the two"
        )
    surface = (
        None if request.splats is None else surface_of(_splats_for(request.splats, loaded, reporter, request.force))
    )
    proposer = open_proposer(request.model, request.settings, request.device, request.precision, reporter.warn, surface)
    facts = proposer.facts | {"downscale": request.downscale, "duplicate_iou": request.settings.duplicates}
    facts["versions"] = {"splatseg": __version__} | facts.get("versions", {})
    begin_folder(folder, views, facts, request.overwrite, shard)
    made = _propose(views, folder, proposer, facts, shard, "masks", reporter)
    if made.empty:
        reporter.warn(
            f"{len(made.empty)} of {len(made.counts)} views have no mask ({first_few(made.empty)}); lower thresholds "
            "(--pred-iou, --stability) give more"
        )
    total = sum(made.counts.values())
    there = len(made.counts) - len(made.fresh)
    mean = total / max(1, len(made.counts))
    earlier = f" ({there} views were there already)" if there else ""
    text = f"{total:,} masks in {len(made.counts)} views, {mean:.0f} a view{earlier}\n{folder}"
    return Summary(text, masks=total, views=len(made.counts), earlier_views=there, output=folder)


def surface_of(splats: Splats) -> SurfaceDepth:
    """Return the surface of a splat, for proposals."""
    plain = splats.replace(features=None, segment_ids=None)
    digest = made_of(plain, GEOMETRY)[GEOMETRY]
    return SurfaceDepth(lambda camera: render_surface(plain, camera).numpy(), f"{len(splats)} Gaussians, {digest}")


def _splats_for(path: Path, capture: Capture, reporter: Reporter, force: bool) -> Splats:
    """Read a splat whose surface helps proposals, in the world of a capture. Raises SplatFileError if it is of none."""
    place = placed(splats_of_file(path, reporter.warn), path, capture)
    settle([] if place.trouble is None else [place.trouble], reporter.warn, force)
    return place.splats


def propose_for_run(run: Run, reporter: Reporter, splats: Splats | None = None) -> None:
    """Propose masks for every training view that has none yet, into RUN/proposals; do nothing without `auto`.

    splats: the run's splat, whose surface helps. Masks made with another surface are made anew.

    Raises CaptureError for an unreadable photograph, MaskError if RUN/proposals holds masks made with other settings.
    """
    if not run.settings.proposes:
        return
    views = run.capture.split("train")
    settings = ProposeSettings()
    proposer = open_proposer(FROM_IMAGE, settings, surface=None if splats is None else surface_of(splats))
    facts = proposer.facts | {"duplicate_iou": settings.duplicates}
    begin_folder(run.proposals_path, views, facts, overwrite=is_of_another_surface(run.proposals_path, facts))
    with run.timed("proposals"):
        _propose(views, run.proposals_path, proposer, facts, ALL, "proposals", reporter)


def superpixels_for_run(run: Run, reporter: Reporter) -> Superpixels | None:
    """Return the superpixels and merge trees that a run's masks were proposed from, or None if borders are not asked.

    They are, by the method lift, for masks proposed from photographs with a splat, and nothing else given beside them.
    """
    settings = run.settings
    if settings.method != "lift" or settings.true_masks is not None or len(settings.masks) != 1:
        return None
    folder = run.proposals_path if settings.proposes else Path(settings.masks[0].path)
    found = Superpixels.found(folder, run.capture.split("train"))
    if found is None and settings.proposes:
        reporter.say(
            f"{folder} is of an earlier version and lacks merge trees, so segments are found by its masks alone; "
            "remove it to have both made"
        )
    return found


def _propose(
    views: Sequence[View],
    folder: Path,
    proposer: Proposer,
    facts: dict[str, Any],
    shard: Shard,
    stage: str,
    reporter: Reporter,
) -> Proposed:
    """Propose the masks of a shard into a folder prepared by `begin_folder`; report each view in the stage `stage`."""
    with reporter.stage(stage, len(shard.of(one_a_photograph(views)))) as advance:

        def on_view(done: int, total: int, masks: int) -> None:
            del total
            advance(done, masks=str(masks))

        return propose_views(views, folder, proposer, facts, facts["duplicate_iou"], shard, on_view)


def export_masks(masks: Path, output: Path, layout: Layout, reporter: Reporter | None = None) -> Summary:
    """Write masks as flat label maps for another program; return a summary. Raises MaskError for bad masks."""
    reporter = reporter or NullReporter()
    with reporter.stage("flattening", len(all_masks(masks))) as advance:
        done = flatten_masks(masks, output, layout, lambda count, total: advance(count))
    if done.clipped:
        reporter.warn(
            f"{done.clipped} of {done.views} views have more segments than {layout} can number; the largest are kept"
        )
    return Summary(f"{done.views} label maps\n{done.folder}", label_maps=done.views, output=done.folder)
