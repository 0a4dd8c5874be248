"""Results as tables for the terminal and as plain values for a JSON file."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from rich.console import Group
from rich.table import Table

from splatseg.evaluate.images import ImageScore
from splatseg.evaluate.protocols import ObjectScore, ProtocolResult


@dataclass(frozen=True)
class Evaluation:
    """All that `splatseg evaluate` measures. What was not measured is None or empty.

    images: PSNR and SSIM of the views; objects: prompted objects; ari: adjusted Rand index of the automatic segments.
    """

    images: tuple[ImageScore, ...] = ()
    objects: ProtocolResult | None = None
    ari: float | None = None

    @property
    def psnr(self) -> float | None:
        """Mean PSNR (dB) over the views."""
        return _mean([score.psnr for score in self.images])

    @property
    def ssim(self) -> float | None:
        """Mean SSIM over the views."""
        return _mean([score.ssim for score in self.images])

    def means(self) -> dict[str, float | None]:
        """The figures of the last row, by name."""
        objects = self.objects
        return {
            "psnr": self.psnr,
            "ssim": self.ssim,
            "miou": objects.miou if objects else None,
            "mbiou": objects.mbiou if objects else None,
            "ari": self.ari,
        }

    def to_json(self) -> dict[str, Any]:
        """Everything, as plain values."""
        return {
            "means": self.means(),
            "images": [dataclasses.asdict(score) for score in self.images],
            "objects": self.objects.to_json() if self.objects else None,
        }

    def table(self) -> Group:
        """For the terminal: objects, then the means."""
        parts = [object_table(self.objects)] if self.objects else []
        return Group(*parts, mean_table(self.means()))


def object_table(result: ProtocolResult) -> Table:
    """A row an object: things by IoU, their mean, then stuff."""
    table = Table(title="objects, each prompted by its true mask in one training view")
    table.add_column("object")
    table.add_column("prompt view")
    for title in ("test views", "IoU", "boundary IoU"):
        table.add_column(title, justify="right")
    for score in sorted(result.things, key=lambda score: -score.iou):
        table.add_row(*_object_row(score))
    table.add_section()
    table.add_row(f"mean of {len(result.things)} things", "", "", _share(result.miou), _share(result.mbiou))
    if result.stuff:
        table.add_section()
        for score in result.stuff:
            table.add_row(*_object_row(score), style="dim")
    return table


def mean_table(means: dict[str, float | None]) -> Table:
    """One row of figures; what was not measured is left out."""
    titles = {"psnr": "PSNR (dB)", "ssim": "SSIM", "miou": "mIoU", "mbiou": "mBIoU", "ari": "ARI"}
    formats = {"psnr": "{:.2f}", "ssim": "{:.4f}", "miou": "{:.3f}", "mbiou": "{:.3f}", "ari": "{:.3f}"}
    table = Table()
    shown = {key: value for key, value in means.items() if value is not None}
    for key in shown:
        table.add_column(titles[key], justify="right")
    table.add_row(*(formats[key].format(value) for key, value in shown.items()))
    return table


def _object_row(score: ObjectScore) -> Sequence[str]:
    prompt = score.prompt
    return score.name, prompt.view, str(len(score.views)), _share(score.iou), _share(score.boundary_iou)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
