"""`splatseg evaluate`: how good a run is, against ground truth."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.arguments import RunFolder, Split
from splatseg.cli.console import Terminal
from splatseg.run import evaluate_run, open_run


@dataclass(frozen=True)
class Evaluate:
    """Measure a run: PSNR and SSIM, mIoU and boundary IoU of prompted objects, ARI of the automatic segments.

    DIR holds instance label maps named as the views; ids listed as `stuff` in a scene.json beside DIR are told apart.
    Every object is prompted by its true mask in one training view and scored in the views of the split.
    """

    folder: RunFolder
    gt: Annotated[Path, tyro.conf.arg(metavar="DIR")]
    """Folder of instance label maps (PNG), 0 = none."""
    split: Split = "test"
    """The views that are scored."""
    ignore: int | None = None
    """An id in the label maps that means unknown: such pixels count neither way."""

    def run(self, terminal: Terminal) -> None:
        """Evaluate, print the table, write evaluation.json into the run."""
        result = evaluate_run(open_run(self.folder), self.gt, terminal, split=self.split, ignore=self.ignore)
        terminal.results.print(result.table())
