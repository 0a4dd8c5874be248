"""`splatseg masks`: 2D masks for a capture, by a mask model; or masks flattened for other programs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.cli.console import Terminal
from splatseg.jobs.masks import MasksRequest, export_masks, propose_for_capture
from splatseg.masks.flatten import Layout
from splatseg.masks.propose.batch import parse_shard
from splatseg.masks.propose.sam.mask_model import Precision
from splatseg.masks.propose.settings import ProposeSettings


@dataclass(frozen=True)
class Masks:
    """Make 2D masks for every photograph of a capture, all levels of parts and wholes, with scores.

    Writes DIR/<view>.json (COCO run lengths, as SAM's own tools do) and DIR/masks.json (model, settings, counts).
    Started again it goes on where it was stopped. With --export the first argument is a folder of masks.
    """

    source: Annotated[Path, tyro.conf.Positional, tyro.conf.arg(metavar="CAPTURE")]
    output: Annotated[Path, tyro.conf.arg(aliases=("-o",), metavar="DIR")]
    """Where to write."""
    model: Annotated[str, tyro.conf.arg(metavar="PATH|NAME")] = "proposals"
    """A folder with a transformers model (SAM, SAM-HQ, SAM 2.1, EdgeTAM, SAM 3) or its name on the hub. Default:
    proposals from the image alone, without weights."""
    points_per_side: int = 32
    """Points that a model is asked about, along each side of the image."""
    pred_iou: float | None = None
    """Least quality of a mask as the model predicts it, 0 to 1. Default: the model family's."""
    stability: float | None = None
    """Least stability of a mask under another cut-off, 0 to 1. Default: the model family's."""
    crops: int = 0
    """Layers of crops that are looked at too, for small things; each takes four times as long as the one before."""
    duplicates: float = 0.95
    """Masks of one view with a greater IoU than this are one."""
    batch: int = 64
    """Points at a time; halved by itself when memory runs out."""
    device: str = "auto"
    """auto (a GPU if there is one), cpu, cuda, cuda:1, ..."""
    precision: Precision = "auto"
    """auto is bfloat16 or float16 on a GPU, float32 on the CPU."""
    downscale: int = 1
    """Divide the size of the images by this."""
    shard: Annotated[str, tyro.conf.arg(metavar="I/N")] = "1/1"
    """Make every N-th view only, beginning with the I-th: for N processes on one folder."""
    overwrite: bool = False
    """Make masks anew that are there already."""
    export: Layout | None = None
    """Make nothing, but write the masks of a folder as flat label maps for the code of Contrastive Gaussian Clustering
    (cgc: seg_masks, 16 bits) or Gaussian Grouping (object_mask, 8 bits, 255 segments); smaller masks lie on top."""

    def run(self, terminal: Terminal) -> None:
        """Make the masks (or export them) and print how many there are."""
        if self.export is not None:
            summary = export_masks(self.source, self.output, self.export, terminal)
            terminal.results.print(summary, markup=False, soft_wrap=True)
            return
        settings = ProposeSettings(
            points_per_side=self.points_per_side,
            pred_iou=self.pred_iou,
            stability=self.stability,
            crops=self.crops,
            duplicate_iou=self.duplicates,
            batch=self.batch,
        )
        request = MasksRequest(
            model=self.model,
            settings=settings,
            device=self.device,
            precision=self.precision,
            downscale=self.downscale,
            shard=parse_shard(self.shard),
            overwrite=self.overwrite,
        )
        summary = propose_for_capture(self.source, self.output, request, terminal)
        terminal.results.print(summary, markup=False, soft_wrap=True)
