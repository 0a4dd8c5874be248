"""The report of a run written anew: of one that was segmented in blocks, with the memory of what a view sees."""

from __future__ import annotations

from splatseg.jobs.blocks.at_hand import splats_of_run
from splatseg.report.run_report import report_run
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter, Summary


def report_of(run: Run, reporter: Reporter) -> Summary:
    """Measure the views of a run, write its report.html and return a summary, as `report.run_report` does."""
    return report_run(run, reporter, splats_of_run(run, len(run.capture.split("train"))))
