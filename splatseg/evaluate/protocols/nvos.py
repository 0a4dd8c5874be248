"""NVOS (Ren et al. 2022): scribbles in one view of an LLFF scene, the true mask in another; eight objects.

    masks/<task>/<view>_mask.png                          the one true mask (and the photograph)
    scribbles/<task>/pos_*.png, neg_*.png                 lines on the object, and off it
    reference_image/<task>/<view>.JPG                     the photograph they are drawn on

The folder is the one that holds these three (labels/llff in the distribution); the captures lie elsewhere. horns has
two tasks, horns_center and horns_left. IoU and pixel accuracy of the one target, means over tasks; boundary IoU as
COB-GS and its followers add it. Truth and predictions are set above 128. Predictions: <task>/<view>_mask.png,
<task>/<view>.png or <task>/00000.png. Scribbles become clicks here: `CLICKS` spread over each kind; every paper does it
differently.

The target's view is held out here. Most papers train on all views, and the data set does not prescribe it.

Source: the data set's README; SA3D issues 20 and 57; COB-GS eval/eval_NVOS.py (its level, resizing, boundary IoU).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from splatseg.evaluate.protocols.score import over_pairs
from splatseg.evaluate.protocols.task import (
    PHOTOGRAPHS,
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

LAYOUT = Layout(
    "NVOS",
    "masks/<task>/<view>_mask.png, scribbles/<task>/pos_*.png and neg_*.png, reference_image/<task>/<view>.JPG",
)
LEVEL = 128
"""Grey level above which a pixel belongs to the object."""
CLICKS = 8
"""Clicks that stand for a scribble."""


def read(folder: Path) -> tuple[Task, ...]:
    """Read all tasks of the data set. Raises MaskError, listing what is missing."""
    LAYOUT.check(folder)
    inner = [folder, folder / "llff", folder / "labels" / "llff"]
    root = next((place for place in inner if (place / "masks").is_dir()), folder)
    parts = [part for part in ("masks", "scribbles", "reference_image") if not (root / part).is_dir()]
    LAYOUT.require(parts, folder)
    names = [task.name for task in subfolders(root / "masks")]
    LAYOUT.require([] if names else ["masks/<task>"], folder)
    LAYOUT.require([part for name in names for part in _missing(root, name)], root)
    return tuple(_task(root, name) for name in names)


def figures(rows: Sequence[Row]) -> dict[str, float]:
    """Return IoU, pixel accuracy and boundary IoU of the target."""
    return {
        "miou": over_pairs(rows, "iou"),
        "accuracy": over_pairs(rows, "accuracy"),
        "mbiou": over_pairs(rows, "boundary_iou"),
    }


PROTOCOL = Protocol("nvos", LAYOUT.title, read, LEVEL, figures)


def spread_clicks(scribble: np.ndarray, count: int = CLICKS) -> list[tuple[float, float]]:
    """Return up to `count` pixels (x, y) of a scribble (H,W) bool, each as far from the earlier ones as possible.

    The first is the pixel nearest to the scribble's mean position.
    """
    ys, xs = np.nonzero(scribble)
    points = np.stack([xs, ys], axis=1).astype(np.float64)
    if len(points) == 0:
        return []
    chosen = [int(((points - points.mean(0)) ** 2).sum(1).argmin())]
    distance = ((points - points[chosen[0]]) ** 2).sum(1)
    while len(chosen) < count and distance.max() > 0:
        chosen.append(int(distance.argmax()))
        distance = np.minimum(distance, ((points - points[chosen[-1]]) ** 2).sum(1))
    return [(float(x), float(y)) for x, y in points[chosen]]


def _missing(root: Path, name: str) -> list[str]:
    wanted = {
        f"masks/{name}/<view>_mask.png": _true_masks(root, name),
        f"scribbles/{name}/pos_*.png": _scribbles(root, name, "pos"),
        f"scribbles/{name}/neg_*.png": _scribbles(root, name, "neg"),
        f"reference_image/{name}/<view>.JPG": images_in(root / "reference_image" / name, PHOTOGRAPHS),
    }
    lacking = [what for what, found in wanted.items() if not found]
    return lacking + [f"a single {what} (there are {len(found)})" for what, found in wanted.items() if len(found) > 1]


def _true_masks(root: Path, name: str) -> list[Path]:
    return [path for path in images_in(root / "masks" / name) if path.stem.endswith("_mask")]


def _scribbles(root: Path, name: str, kind: str) -> list[Path]:
    return [path for path in images_in(root / "scribbles" / name) if path.name.startswith(f"{kind}_")]


def _task(root: Path, name: str) -> Task:
    (mask,) = _true_masks(root, name)
    (positive,), (negative,) = (_scribbles(root, name, kind) for kind in ("pos", "neg"))
    (photograph,) = images_in(root / "reference_image" / name, PHOTOGRAPHS)
    view = mask.stem.removesuffix("_mask")
    target = Target(name, view, mask_reader(mask, LEVEL), (mask.name, f"{view}.png", "00000.png"))
    # Some scribbles are anti-aliased: any grey above 0 counts.
    reference = Reference(photograph.stem, mask_reader(positive, 0), mask_reader(negative, 0), scribbles=True)
    capture = "horns" if name.startswith("horns_") else name
    return Task(name, capture, (target,), {name: reference}, same_stem, lambda: (view,))
