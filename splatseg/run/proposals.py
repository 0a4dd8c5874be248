"""Masks for a run that was given none: `--masks auto` proposes them from the photographs, into RUN/proposals/."""

from __future__ import annotations

import time

from splatseg.masks.propose.files import propose_views
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter
from splatseg.run.settings import AUTO_MASKS


def propose_for_run(run: Run, reporter: Reporter) -> None:
    """Propose masks for every training view that has none yet, if the run's masks are `auto`; else nothing.

    Raises CaptureError for an unreadable photograph.
    """
    if run.settings.masks != AUTO_MASKS:
        return
    began = time.monotonic()
    views = run.capture.split("train")
    with reporter.stage("proposals", len(views)) as advance:
        propose_views(views, run.proposals_path, progress=lambda done, total: advance(done))
    run.record(timing="proposals", seconds=round(time.monotonic() - began, 3))
