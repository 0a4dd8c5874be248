"""Proposes masks from photographs, for a capture or a run without masks; flattens masks for other programs."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.capture.capture import View, load_capture
from splatseg.errors import MaskError
from splatseg.formats.read import describe_dropped, load_splats
from splatseg.jobs.requests import MasksRequest
from splatseg.masks.flatten import Layout, flatten_masks
from splatseg.masks.propose.batch import ALL, Proposed, begin_folder, parse_shard, propose_views
from splatseg.masks.propose.proposers import FROM_IMAGE, Proposer, SurfaceDepth, open_proposer
from splatseg.masks.propose.record import is_of_another_surface
from splatseg.masks.propose.settings import ProposeSettings
from splatseg.masks.sources import open_sources
from splatseg.masks.store import all_masks
from splatseg.render.recognised import recognised_views
from splatseg.render.rgb import render_surface
from splatseg.run.folder import Run
from splatseg.run.reporter import NullReporter, Reporter
from splatseg.run.settings import AUTO_MASKS, RunSettings
from splatseg.splats.splats import Splats
from splatseg.version import __version__


def propose_for_capture(capture: Path, folder: Path, request: MasksRequest, reporter: Reporter | None = None) -> str:
    """Propose masks for every view of a capture (train and test) that has none yet; return a summary.

    Writes one file per view into `folder`.

    Raises CaptureError, MaskError or WeightsError for bad input, if possible before anything is written.

    Example:
        >>> request = splatseg.MasksRequest(downscale=4, shard="1/32")
        >>> splatseg.propose_for_capture(splatseg.demo_capture(), folder / "masks", request).endswith("masks")
        True
    """
    reporter, shard = reporter or NullReporter(), parse_shard(request.shard)
    views = load_capture(capture, downscale=request.downscale, test_every=0).views
    if request.splats is not None and request.model != FROM_IMAGE:
        raise MaskError(
            f"--splats helps proposals from the image, not the model '{request.model}'; leave out one of the two"
        )
    surface = None if request.splats is None else surface_of(_splats_for(request.splats, views, reporter))
    proposer = open_proposer(request.model, request.settings, request.device, request.precision, reporter.warn, surface)
    facts = proposer.facts | {"downscale": request.downscale, "duplicate_iou": request.settings.duplicates}
    facts["versions"] = {"splatseg": __version__} | facts.get("versions", {})
    begin_folder(folder, views, facts, request.overwrite, shard)
    made = _propose(views, folder, proposer, facts, shard, "masks", reporter)
    if made.empty:
        names = ", ".join(made.empty[:3]) + (", ..." if len(made.empty) > 3 else "")
        reporter.warn(
            f"{len(made.empty)} of {len(made.counts)} views have no mask ({names}); lower thresholds (--pred-iou, "
            "--stability) give more"
        )
    total = sum(made.counts.values())
    there = len(made.counts) - len(made.fresh)
    mean = total / max(1, len(made.counts))
    earlier = f" ({there} views were there already)" if there else ""
    return f"{total:,} masks in {len(made.counts)} views, {mean:.0f} a view{earlier}\n{folder}"


def check_masks(settings: RunSettings, views: Sequence[View]) -> None:
    """Open the masks that are given, for the views of a capture. Raises MaskError for bad ones."""
    given = [(folder.path, folder.weight) for folder in settings.masks if folder.path != AUTO_MASKS]
    if given or settings.true_masks is not None:
        open_sources(given, views, settings.true_masks)


def surface_of(splats: Splats) -> SurfaceDepth:
    """Return the surface of a splat, for proposals."""
    plain = splats.replace(features=None, segment_ids=None)
    check = zlib.crc32(np.concatenate([plain.means.numpy().ravel(), plain.opacities.numpy().ravel()]).tobytes())
    return SurfaceDepth(lambda camera: render_surface(plain, camera).numpy(), f"{len(splats)} Gaussians, {check:08x}")


def _splats_for(path: Path, views: Sequence[View], reporter: Reporter) -> Splats:
    """Read a splat whose surface helps proposals. Raises MaskError if no view sees it."""
    splats, dropped = load_splats(path)
    if dropped:
        reporter.warn(describe_dropped(path, dropped))
    if not any((render_surface(splats, _small(view.camera)) > 0).any() for view in views):
        raise MaskError(f"no view sees the splat {path}; give the splat of this capture, in the same coordinates")
    warn_of_stranger(splats, path, views, reporter)
    return splats


def warn_of_stranger(splats: Splats, path: Path, views: Sequence[View], reporter: Reporter) -> None:
    """Warn if the splat of a file looks like the photographs of other views than it is seen from."""
    found, compared = recognised_views(splats, views)
    if found <= compared / 2:
        reporter.warn(
            f"from {compared - found} of {compared} views {path.name} looks more like the photograph of another view "
            "than like their own; check that it is the splat of this capture, in the same coordinates"
        )


def _small(camera: Camera) -> Camera:
    """Return the camera with a picture of some 128 pixels, for a look at whether anything is seen."""
    return camera.scaled(128 / max(camera.width, camera.height))


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


def _propose(
    views: Sequence[View],
    folder: Path,
    proposer: Proposer,
    facts: dict[str, Any],
    shard: tuple[int, int],
    stage: str,
    reporter: Reporter,
) -> Proposed:
    """Propose the masks of a shard into a folder prepared by `begin_folder`; report each view in the stage `stage`."""
    with reporter.stage(stage, len(views[shard[0] - 1 :: shard[1]])) as advance:

        def on_view(done: int, total: int, masks: int) -> None:
            del total
            advance(done, masks=str(masks))

        return propose_views(views, folder, proposer, facts, facts["duplicate_iou"], shard, on_view)


def export_masks(masks: Path, output: Path, layout: Layout, reporter: Reporter | None = None) -> str:
    """Write masks as flat label maps for another program; return a summary. Raises MaskError for bad masks."""
    reporter = reporter or NullReporter()
    with reporter.stage("flattening", len(all_masks(masks))) as advance:
        done = flatten_masks(masks, output, layout, lambda count, total: advance(count))
    if done.clipped:
        reporter.warn(
            f"{done.clipped} of {done.views} views have more segments than {layout} can number; the largest are kept"
        )
    return f"{done.views} label maps\n{done.folder}"
