"""Checks what is given together, before hours are spent: for a command of its own, and for all that begin long work."""

from __future__ import annotations

from pathlib import Path

from splatseg.capture.capture import Capture
from splatseg.checks.recognised import Photographs
from splatseg.checks.together import Checked, check_together
from splatseg.checks.trouble import settle
from splatseg.checks.world import DOUBTFUL
from splatseg.errors import SplatsegError
from splatseg.jobs.blocks.at_hand import check_memory
from splatseg.masks.listing import require_masks
from splatseg.masks.sources import MaskSources, open_sources
from splatseg.run.folder import Run
from splatseg.run.reporter import NullReporter, Reporter, Summary
from splatseg.run.settings import AUTO_MASKS, MaskFolder, RunSettings
from splatseg.splats.splats import Splats


def check_settings(
    settings: RunSettings, capture: Capture, reporter: Reporter, force: bool = False, given: bool = True
) -> list[str]:
    """Check the capture, the masks and the splat of a run against each other, reading every mask.

    force: what would be refused is only told. given: False leaves out the splat, which the run has already.

    Returns the sentences that were told. Raises CaptureError, MaskError or SplatFileError for files that cannot be
    read, and for what does not belong together.
    """
    folders = [(folder.path, folder.weight) for folder in settings.masks if folder.path != AUTO_MASKS]
    drawn = [settings.true_masks] if settings.true_masks else []
    require_masks([*(path for path, _ in folders), *drawn], capture.path)
    masks = open_sources(folders, capture.views, settings.true_masks) if folders or settings.true_masks else None
    splats = Path(settings.splats) if settings.splats and given else None
    checked = _checked(capture, masks, splats, reporter)
    told: list[str] = []

    def warn(text: str) -> None:
        told.append(text)
        reporter.warn(text)

    settle(checked.troubles, warn, force)
    return told


def check_given(
    capture: Capture, masks: tuple[str, ...] = (), splats: Path | None = None, reporter: Reporter | None = None
) -> Summary:
    """Check a capture, and with it masks (DIR or DIR=WEIGHT) and a splat file; return what was found, as lines of text.

    Raises CaptureError, MaskError or SplatFileError for files that cannot be read, and for what does not belong
    together, after all of it was told.
    """
    reporter = reporter or NullReporter()
    folders = [MaskFolder.of(text) for text in masks]
    require_masks([folder.path for folder in folders], capture.path)
    sources = open_sources([(f.path, f.weight) for f in folders], capture.views) if folders else None
    if splats is not None:
        instead = "check it by `splatseg train --splats ... --blocks auto`, which begins with the same"
        check_memory(f"looking at {splats}", (splats,), instead, reporter.warn)
    checked = _checked(capture, sources, splats, reporter)
    settle(checked.troubles, reporter.warn, way_on="")
    parts = [f"{len(capture.views)} photographs with poses, {len(capture.points):,} points"]
    parts += [] if sources is None else [f"masks of {len(sources.names)} views"]
    parts += [] if checked.splats is None else [f"{len(checked.splats):,} Gaussians"]
    count = len(checked.troubles)
    end = (
        "they belong together" if count == 0 else f"{count} {'thing' if count == 1 else 'things'} to look at, see above"
    )
    return Summary(
        f"{'; '.join(parts)}: {end}",
        views=len(capture.views),
        points=len(capture.points),
        masked_views=None if sources is None else len(sources.names),
        gaussians=None if checked.splats is None else len(checked.splats),
        troubles=count,
    )


def look_at_run(run: Run, splats: Splats | None = None) -> list[str]:
    """Return sentences on what in a finished run does not belong together, from a few photographs. Raises nothing.

    splats: the run's splat if it is already loaded; it is read otherwise.
    """
    try:
        splats, views = run.splats() if splats is None else splats, run.capture.views
        if any(view.lost for view in views):
            return []
        photographs = Photographs(views)
        found, count = photographs.recognised(splats), len(photographs)
    except SplatsegError as error:
        return [str(error)]
    if found > DOUBTFUL * count:
        return []
    return [
        f"{found} of {count} views recognise the splat of {run.path}; the photographs of {run.capture.path} were "
        "changed since, or it is a splat of something else"
    ]


def _checked(capture: Capture, masks: MaskSources | None, splats: Path | None, reporter: Reporter) -> Checked:
    if masks is None:
        return check_together(capture, None, splats)
    with reporter.stage("checking", len(capture.views)) as advance:
        return check_together(capture, masks, splats, advance)
