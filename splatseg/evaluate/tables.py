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
from splatseg.evaluate.protocols.prompted import ObjectScore, ProtocolResult
from splatseg.evaluate.protocols.published import published_of
from splatseg.evaluate.protocols.score import ProtocolScore, TaskScore, over_pairs
from splatseg.plain_text import short_name


@dataclass(frozen=True)
class Evaluation:
    """All results of `splatseg evaluate`; None or empty if not measured."""

    images: tuple[ImageScore, ...] = ()
    """PSNR and SSIM of the views."""
    objects: ProtocolResult | None = None
    """Scores of prompted objects."""
    ari: float | None = None
    """Adjusted Rand index of the automatic segments."""

    @property
    def psnr(self) -> float | None:
        """Mean PSNR (dB) over the views."""
        return _mean([score.psnr for score in self.images])

    @property
    def psnr_colors_fitted(self) -> float | None:
        """Mean PSNR (dB) over the views with fitted colours (`evaluate.images`); None if it was not measured."""
        return _mean([score.psnr_colors_fitted for score in self.images if score.psnr_colors_fitted is not None])

    @property
    def ssim(self) -> float | None:
        """Mean SSIM over the views."""
        return _mean([score.ssim for score in self.images])

    def means(self) -> dict[str, float | None]:
        """Return the figures of the last row, by name."""
        objects = self.objects
        return {
            "psnr": self.psnr,
            "psnr_colors_fitted": self.psnr_colors_fitted,
            "ssim": self.ssim,
            "miou": objects.miou if objects else None,
            "mbiou": objects.mbiou if objects else None,
            "ari": self.ari,
        }

    def to_json(self) -> dict[str, Any]:
        """Return everything as plain values."""
        return {
            "means": self.means(),
            "images": [dataclasses.asdict(score) for score in self.images],
            "objects": self.objects.to_json() if self.objects else None,
        }

    def table(self) -> Group:
        """Return the objects, then the means, for the terminal."""
        parts = [object_table(self.objects)] if self.objects else []
        return Group(*parts, mean_table(self.means()))


def object_table(result: ProtocolResult) -> Table:
    """Return a table with one row per object: things by IoU, their mean, then stuff."""
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


TITLES = {
    "miou": "mIoU",
    "mbiou": "mBIoU",
    "accuracy": "accuracy",
    "acc25": "Acc@0.25",
    "acc50": "Acc@0.5",
    "localisation": "localisation",
    "script_miou": "mIoU, missing skipped",
    "script_mbiou": "mBIoU, missing skipped",
    "miou_other_views": "mIoU, other views",
    "pooled_iou": "IoU, views pooled",
}
"""Column titles of the benchmarks' figures."""


def protocol_tables(score: ProtocolScore) -> Group:
    """Return, for the terminal, a table of prompts for every task, the figures, and the published numbers."""
    prompts = [prompt_table(task) for task in score.tasks]
    return Group(*prompts, figure_table(score), published_table(score))


def prompt_table(task: TaskScore) -> Table:
    """Return a table with one row per prompt: its views, its means over them, its missing masks."""
    table = Table(title=short_name(task.name))
    table.add_column("prompt")
    for title in ("views", "IoU", "boundary IoU", "missing"):
        table.add_column(title, justify="right")
    for prompt, rows in task.by_prompt().items():
        missing = sum(row.missing for row in rows)
        table.add_row(
            short_name(prompt),
            str(len(rows)),
            _share(over_pairs(rows, "iou")),
            _share(over_pairs(rows, "boundary_iou")),
            str(missing or ""),
        )
    return table


def figure_table(score: ProtocolScore) -> Table:
    """Return a table with one row per task, then their mean."""
    table = Table(title=f"{score.protocol.title}, prompts: {score.prompts}")
    table.add_column("scene")
    for name in score.figures:
        table.add_column(TITLES[name], justify="right")
    for task in score.tasks:
        table.add_row(short_name(task.name), *(_share(value) for value in task.figures.values()))
    table.add_section()
    table.add_row(f"mean of {len(score.tasks)}", *(_share(value) for value in score.figures.values()))
    return table


def published_table(score: ProtocolScore) -> Table:
    """Return a table of this result in percent, then published results with their source and how sure they are.

    Single scenes have columns if they were scored.
    """
    rows = published_of(score.protocol.name)
    columns = list(dict.fromkeys(name for row in rows for name in row.figures))
    found = {task.name: 100 * task.figures["miou"] for task in score.tasks}
    scenes = [name for name in dict.fromkeys(name for row in rows for name in row.scenes or {}) if name in found]
    table = Table(title=f"{score.protocol.title} in the literature, mean over its scenes, percent")
    table.add_column("method")
    for name in (*map(short_name, scenes), *(TITLES[column] for column in columns)):
        table.add_column(name, justify="right")
    for title in ("prompt", "source", "trust"):
        table.add_column(title)
    figures = {name: 100 * score.figures[name] for name in columns}
    cells = [_percent(found.get(scene)) for scene in scenes] + [_percent(figures.get(name)) for name in columns]
    counted = f"{len(score.tasks)} scene{'' if len(score.tasks) == 1 else 's'}"
    table.add_row(f"this result, {counted}", *cells, score.prompts, "", "", style="bold")
    table.add_section()
    for row in rows:
        cells = [_percent((row.scenes or {}).get(scene)) for scene in scenes]
        cells += [_percent(row.figures.get(name)) for name in columns]
        table.add_row(row.method, *cells, row.prompt, row.source, row.trust)
    return table


def mean_table(means: dict[str, float | None]) -> Table:
    """Return one row of figures; figures that were not measured are left out."""
    titles = {"psnr": "PSNR (dB)", "psnr_colors_fitted": "PSNR, colours fitted (dB)", "ssim": "SSIM"}
    titles |= {"miou": "mIoU", "mbiou": "mBIoU", "ari": "ARI"}
    formats = {"psnr": "{:.2f}", "psnr_colors_fitted": "{:.2f}", "ssim": "{:.4f}"}
    formats |= {"miou": "{:.3f}", "mbiou": "{:.3f}", "ari": "{:.3f}"}
    table = Table()
    shown = {key: value for key, value in means.items() if value is not None}
    for key in shown:
        table.add_column(titles[key], justify="right")
    table.add_row(*(formats[key].format(value) for key, value in shown.items()))
    return table


def _object_row(score: ObjectScore) -> Sequence[str]:
    name, view = short_name(score.name), short_name(score.prompt.view)
    return name, view, str(len(score.views)), _share(score.iou), _share(score.boundary_iou)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"


def _percent(value: float | None) -> str:
    return "" if value is None else f"{value:.1f}"


def _mean(values: Sequence[float]) -> float | None:
    return float(np.mean(values)) if values else None
