"""SPIn-NeRF's multi-view segmentation set (Mirzaei et al. 2023): one object in ten scenes, masks of most views.

    <scene>/<view>.png     the true masks, anything but black is the object; *_cutout and *_pseudo are not masks

The prompt is the true mask of the first view by name. All views with a mask are scored, including the first (SA3D issue
78), so a figure without it is given too. Mean IoU and pixel accuracy over views, then over scenes; `pooled_iou` counts
the pixels of all views as one (SA3D lib/evaluate.py). All views are trained on. Predictions have the layout of the
truth: <scene>/<view>.png, set above 0.

A view is named as its photograph; or `image003`, the fourth photograph by name (fern, fortress, leaves, orchids); or
with `0_` or `1_` before its name (truck, lego). Scenes are named "fern (llff)": the capture is fern.

Source: the data set's README; SA3D issues 34, 78 and lib/evaluate.py; SAGA prepare_data_spin.sh.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from splatseg.evaluate.protocols.score import over_pairs
from splatseg.evaluate.protocols.task import (
    Layout,
    Protocol,
    Reference,
    Row,
    Target,
    Task,
    images_in,
    mask_reader,
    same_stem,
    subfolders,
)

LAYOUT = Layout("SPIn-NeRF", "<scene>/<view>.png, two views or more")
PROMPT = "object"
"""Name of the one prompt."""


def read(folder: Path) -> tuple[Task, ...]:
    """Read the scene at `folder`, or all scenes in it. Raises MaskError, listing what is missing."""
    LAYOUT.check(folder)
    scenes = [folder] if _masks(folder) else subfolders(folder)
    LAYOUT.require([] if scenes else ["<scene>/<view>.png"], folder)
    lacking = [f"{scene.name}/<view>.png" for scene in scenes if len(_masks(scene)) < 2]
    LAYOUT.require(lacking, folder)
    return tuple(_task(scene) for scene in scenes)


def figures(rows: Sequence[Row]) -> dict[str, float]:
    """Return means over views, with and without the prompt's view; and the IoU of all views' pixels as one."""
    others = [row for row in rows if not row.is_reference]
    union = sum(row.union for row in rows)
    return {
        "miou": over_pairs(rows, "iou"),
        "accuracy": over_pairs(rows, "accuracy"),
        "miou_other_views": over_pairs(others, "iou"),
        "pooled_iou": sum(row.intersection for row in rows) / union if union else 1.0,
        "mbiou": over_pairs(rows, "boundary_iou"),
    }


PROTOCOL = Protocol("spin-nerf", LAYOUT.title, read, 0, figures)


def image_of(view: str, names: Sequence[str]) -> str | None:
    """Return the photograph that a mask belongs to: by name, by index, or without the prefix of its split."""
    named = same_stem(view, names)
    if named is None and (index := re.fullmatch(r"image(\d+)", view, re.IGNORECASE)):
        position = int(index[1])
        named = sorted(names)[position] if position < len(names) else None
    if named is None and (split := re.fullmatch(r"[01]_(.+)", view)):
        named = same_stem(split[1], names)
    return named


def _masks(folder: Path) -> list[Path]:
    return [path for path in images_in(folder) if not path.stem.lower().endswith(("_cutout", "_pseudo"))]


def _task(scene: Path) -> Task:
    paths, name = _masks(scene), scene.absolute().name
    targets = tuple(
        Target(PROMPT, path.stem, mask_reader(path, 0), (path.name,), is_reference=path == paths[0]) for path in paths
    )
    reference = Reference(paths[0].stem, targets[0].truth)
    return Task(name, name.split(" (")[0], targets, {PROMPT: reference}, image_of)
