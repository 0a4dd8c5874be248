"""`splatseg words`: embeddings of the segments of a run by CLIP or SigLIP, for queries in words."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import Device, Form, MovedCapture, Printed, RunFolder, opened
from splatseg.cli.console import Terminal


@dataclass(frozen=True)
class Words:
    """Describe every segment of a run by its best pictures, and propose names.

    `splatseg select RUN --text WORDS` takes milliseconds afterwards. Writes RUN/words.safetensors; the photographs are
    needed for this once.
    """

    folder: RunFolder
    """The run folder."""
    model: str
    """Folder (or name) of a CLIP, MetaCLIP 2, SigLIP or SigLIP 2 model."""
    vocabulary: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """Words to name segments by and to compare queries with, one a line. Default: some hundred common things."""
    rename: bool = False
    """Give the names that fit to segments that are still called by their number."""
    capture: MovedCapture = None
    """Folder of the capture, if it is not where it was; the run remembers it."""
    device: Device = None
    """Processor or NVIDIA card to compute on; auto: the card, if there is one that can be used. Default:
    SPLATSEG_DEVICE, else auto."""
    form: Printed = field(default_factory=Form)
    """The form of what is printed."""

    def run(self, terminal: Terminal) -> None:
        """Describe and print the names that fit."""
        from splatseg.words.vocabulary import read_words

        vocabulary = None if self.vocabulary is None else read_words(self.vocabulary)
        run = opened(self.folder, self.capture)
        from splatseg.jobs.words import describe_run

        summary = describe_run(run, self.model, vocabulary, self.rename, terminal)
        terminal.result(summary)
