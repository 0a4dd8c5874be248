"""`splatseg report`: the page of a run, written anew."""

from __future__ import annotations

from dataclasses import dataclass, field

from splatseg.cli.arguments import Device, Form, MovedCapture, Printed, RunFolder, opened
from splatseg.cli.console import Terminal


@dataclass(frozen=True)
class Report:
    """Write the report of a run anew: what it looks like, what went wrong, what to do about it.

    `train`, `segment`, `refine` and `evaluate` write it by themselves. It is RUN/report.html, one file that needs no
    network and can be sent. New names of segments are in it when `view` ends; other changes ask for this command.
    """

    folder: RunFolder
    """The run folder."""
    capture: MovedCapture = None
    """Folder of the capture, if it is not where it was; the run remembers it."""
    device: Device = None
    """Processor or NVIDIA card to compute on; auto: the card, if there is one that can be used. Default:
    SPLATSEG_DEVICE, else auto."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Measure, write, and print the headline figures and the place of the page."""
        run = opened(self.folder, self.capture)
        run.require_photographs()
        from splatseg.jobs.blocks.report import report_of

        summary = report_of(run, terminal)
        terminal.result(f"{summary}\n{run.report_path}", summary.facts)
