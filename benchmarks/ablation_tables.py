"""The tables by which papers on contrastive segmentation take their method apart, on our scenes.

    losses      which terms of the loss are on: the paper's (clustering, spatial) and ours (prototypes shared, spatial)
    dimension   feature dimension 4, 8, 16, 32, 64
    masks       where masks are from: the true instances, simulated, nested proposals, the folder of --proposals
    views       masks of 8, 16, 32 and all training views

A row is a setting of a method on frozen geometry; `ablation.py --table` runs them. Figures: mIoU and mBIoU over things,
mask prompts in training views, held-out views; by features alone, the threshold chosen by the prompt, and with the
votes of all masks.
"""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accuracy_prompts import prompted
from accuracy_scene import Masks, Scene, ceiling

from splatseg import Splats
from splatseg.features.contrast.fit import fit_contrast_features
from splatseg.features.contrast.settings import ContrastSettings
from splatseg.features.lift.embed import embed_votes, fill_unseen
from splatseg.features.lift.settings import EmbedSettings
from splatseg.features.paper.fit import fit_paper_features
from splatseg.features.paper.settings import PaperSettings
from splatseg.select.knowledge import Knowledge
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes, collect_votes

TABLES = ("losses", "dimension", "masks", "views")
METHODS = ("lift", "contrast", "paper")
DIMENSIONS = (4, 8, 16, 32, 64)
VIEWS = (8, 16, 32, None)
FIGURES = ("miou", "mbiou", "voted_miou", "voted_mbiou", "seconds")
TITLES = ("mIoU", "mBIoU", "mIoU, votes", "mBIoU, votes", "s")


@dataclass(frozen=True)
class Setting:
    """A row: what its first columns say, the method, its masks (as `Scene.masks` takes them), its changed settings."""

    labels: tuple[str, ...]
    method: str
    masks: str
    changes: dict[str, Any] = field(default_factory=dict)


def settings_of(table: str, methods: Sequence[str], masks: str, proposals: Path | None) -> list[Setting]:
    """The rows of a table."""
    return ROWS[table](methods, masks, proposals)


def header(table: str) -> tuple[str, ...]:
    """The first columns of a table."""
    return {
        "losses": ("method", "clustering", "spatial"),
        "dimension": ("method", "dimension"),
        "masks": ("method", "masks from"),
        "views": ("method", "views with masks"),
    }[table]


def _losses(methods: Sequence[str], masks: str, proposals: Path | None) -> list[Setting]:
    del proposals
    rows = {
        "paper": [
            (("yes", "yes"), {}),
            (("yes", "no"), {"spatial": False}),
            (("no", "yes"), {"clustering": False}),
        ],
        "contrast": [
            (("prototypes shared by views", "yes"), {}),
            (("prototypes shared by views", "no"), {"spatial_weight": 0.0}),
            (("within a view", "yes"), {"cross_view": False}),
            (("within a view", "no"), {"cross_view": False, "spatial_weight": 0.0}),
        ],
        "lift": [(("in closed form", "no"), {})],
    }
    return [
        Setting((method, *labels), method, masks, changes) for method in methods for labels, changes in rows[method]
    ]


def _dimension(methods: Sequence[str], masks: str, proposals: Path | None) -> list[Setting]:
    del proposals
    name = {"lift": "dimensions", "contrast": "channels", "paper": "channels"}
    return [
        Setting((method, str(size)), method, masks, {name[method]: size}) for method in methods for size in DIMENSIONS
    ]


def _masks(methods: Sequence[str], masks: str, proposals: Path | None) -> list[Setting]:
    sources = {"the truth": "clean", "simulated": masks, "nested proposals": "masks_nested"}
    if proposals is not None:
        sources[f"proposals ({proposals.name})"] = str(proposals.absolute())
    return [Setting((method, label), method, source) for method in methods for label, source in sources.items()]


def _views(methods: Sequence[str], masks: str, proposals: Path | None) -> list[Setting]:
    del proposals
    return [
        Setting(
            (method, "all" if count is None else str(count)),
            method,
            masks if count is None else f"{masks},views={count}",
        )
        for method in methods
        for count in VIEWS
    ]


ROWS: dict[str, Callable[[Sequence[str], str, Path | None], list[Setting]]] = {
    "losses": _losses,
    "dimension": _dimension,
    "masks": _masks,
    "views": _views,
}


def run_table(
    table: str, scenes: Iterable[Scene], settings: Sequence[Setting], seeds: Sequence[int], share: float, log: Path
) -> str:
    """Run all rows on all scenes and seeds; a line in `log` for each as it is done. Returns the table in markdown."""
    found: dict[tuple[str, tuple[str, ...]], list[dict[str, Any]]] = {}
    tops, order = {}, []
    for scene in scenes:
        name = scene.path.name
        order.append(name)
        tops[name] = ceiling(scene)[0]
        for seed in seeds:
            votes: dict[str, tuple[Masks, Votes]] = {}
            for setting in settings:
                folder = scene.path / setting.masks.split(",")[0]
                if setting.masks != "clean" and not folder.is_dir():
                    print(f"# {name} has no {folder}: left out", flush=True)
                    continue
                if setting.masks not in votes:
                    masks = scene.masks(setting.masks, seed)
                    votes = {
                        setting.masks: (masks, collect_votes(scene.splats, scene.run.capture.split("train"), masks))
                    }
                facts = _figures(scene, setting, *votes[setting.masks], seed, share)
                found.setdefault((name, setting.labels), []).append(facts)
                with log.open("a") as file:
                    file.write(json.dumps({"table": table, "scene": name, "seed": seed, "share": share} | facts) + "\n")
                print(f"# {name} {seed} {' | '.join(setting.labels)}: {facts['miou']:.3f}", flush=True)
    return markdown(table, order, settings, found, {name: (top.miou, top.mbiou) for name, top in tops.items()})


def markdown(
    table: str,
    scenes: Sequence[str],
    settings: Sequence[Setting],
    found: dict[tuple[str, tuple[str, ...]], list[dict[str, Any]]],
    ceilings: dict[str, tuple[float | None, float | None]],
) -> str:
    """Rows of settings, columns of every scene's figures, means over seeds; first what the geometry can give."""
    columns = [*header(table), *(f"{scene}: {title}" for scene in scenes for title in TITLES)]
    lines = ["| " + " | ".join(columns) + " |", "|" + "---|" * len(columns)]
    top = [cell for scene in scenes for cell in (*(f"{value or 0:.3f}" for value in ceilings[scene]), "", "", "")]
    lines.append("| " + " | ".join(["ceiling of the geometry", *[""] * (len(header(table)) - 1), *top]) + " |")
    for setting in settings:
        cells = list(setting.labels)
        for scene in scenes:
            rows = found.get((scene, setting.labels))
            means = {name: float(np.mean([row[name] for row in rows])) for name in FIGURES} if rows else None
            cells += [_cell(name, means[name]) if means else "" for name in FIGURES]
        if any(cells[len(setting.labels) :]):
            lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _cell(name: str, value: float) -> str:
    return f"{value:.0f}" if name == "seconds" else f"{value:.3f}"


def _figures(scene: Scene, setting: Setting, masks: Masks, votes: Votes, seed: int, share: float) -> dict[str, Any]:
    began = time.perf_counter()
    splats = _features(scene, setting, masks, votes, seed, share)
    seconds = time.perf_counter() - began
    alone = prompted(scene, splats, None, "mask")
    voted = prompted(scene, splats, Knowledge(Agreement(votes)), "mask")
    facts = {"setting": setting.labels, "miou": alone.miou, "mbiou": alone.mbiou}
    return facts | {"voted_miou": voted.miou, "voted_mbiou": voted.mbiou, "seconds": round(seconds, 2)}


def _features(scene: Scene, setting: Setting, masks: Masks, votes: Votes, seed: int, share: float) -> Splats:
    splats, views = scene.splats, scene.run.capture.split("train")
    if setting.method == "contrast":
        settings = ContrastSettings(seed=seed, **setting.changes)
        steps = max(1, int(settings.iterations * share))
        return fit_contrast_features(splats, views, masks, votes, dataclasses.replace(settings, iterations=steps))
    if setting.method == "paper":
        paper = PaperSettings(seed=seed, **setting.changes)
        # Fewer steps at the same intervals: fewer uses of each term.
        paper = dataclasses.replace(paper, iterations=max(1, int(paper.iterations * share)))
        return fit_paper_features(splats, views, masks, paper)
    found = embed_votes(votes, EmbedSettings(seed=seed, **setting.changes))
    return splats.replace(features=torch.from_numpy(fill_unseen(found, splats.means.numpy())))
