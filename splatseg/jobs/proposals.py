"""Masks for a run that was given none: `--masks auto` proposes them from the photographs, into RUN/proposals/."""

from __future__ import annotations

from splatseg.masks.propose.batch import begin_masks, generate_masks
from splatseg.masks.propose.generators import PROPOSALS, open_generator
from splatseg.masks.propose.settings import GenerateSettings
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter
from splatseg.run.settings import AUTO_MASKS


def propose_for_run(run: Run, reporter: Reporter) -> None:
    """Propose masks for every training view that has none yet, if the run's masks are `auto`; else nothing.

    Raises CaptureError for an unreadable photograph, MaskError if RUN/proposals holds masks of another making.
    """
    if run.settings.masks != AUTO_MASKS:
        return
    with run.timed("proposals"):
        views = run.capture.split("train")
        settings = GenerateSettings()
        generator = open_generator(PROPOSALS, settings)
        facts = generator.facts | {"duplicate_iou": settings.duplicate_iou}
        begin_masks(run.proposals_path, views, facts)
        with reporter.stage("proposals", len(views)) as advance:
            generate_masks(
                views,
                run.proposals_path,
                generator,
                facts,
                settings.duplicate_iou,
                on_view=lambda done, total, masks: advance(done, masks=str(masks)),
            )
