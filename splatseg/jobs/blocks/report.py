"""The report of a run written anew: of one that was segmented in blocks, with the memory of what a view sees."""

from __future__ import annotations

from splatseg.engine.in_process import InProcess
from splatseg.jobs.blocks.pieces import colored, open_in_blocks
from splatseg.parts import part_folder
from splatseg.report.run_report import report_run
from splatseg.run.folder import Run
from splatseg.run.reporter import Reporter, Summary


def report_of(run: Run, reporter: Reporter) -> Summary:
    """Measure the views of a run, write its report.html and return a summary, as `report.run_report` does."""
    if run.settings.blocks == 1:
        return report_run(run, reporter)
    # Beside what an unfinished segmentation may have left for its repetition.
    with part_folder(run.path.absolute() / "geometry") as folder:
        pieces = open_in_blocks(run, InProcess(), folder)
        return report_run(run, reporter, colored(pieces.splats, pieces.blocks))
