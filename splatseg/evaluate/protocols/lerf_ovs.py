"""LERF-OVS (LangSplat, Qin et al. 2024): polygons of many objects in 4 to 7 frames of each of four LERF scenes.

    label/<scene>/frame_00041.json    info: name, width, height; objects: category, segmentation [[x, y], ...], bbox
    <scene>/images, sparse/0          the captures

Several polygons of a category in a frame are one mask. The frames are trained on like all others. Two protocols use
these labels, and their numbers must not be mixed:

* `lerf-ovs` (OpenGaussian, Wu et al. 2024), direct 3D selection: the selected Gaussians are drawn alone, opacity above
  0.7; flat mean of IoU over (frame, prompt) pairs, and the share of pairs above 0.25 and 0.5. Predictions:
  <scene>/<frame>_<prompt>.png, set above 10.
* `lerf-ovs-2d` (LangSplat), rendered: masks as seen in the frame; flat mean of IoU over pairs, and localisation: the
  share of pairs in which the peak of relevance, averaged over 30x30 pixels, lies in a box of the object. A mask serves
  as its own map of relevance. Predictions: <scene>/<frame number>/chosen_<prompt>.png (or the other's names), set above
  127. LangSplat's thresholding of relevance (above 0.4) and its smoothing belong to its method, not to the count.

The truth is drawn by Pillow, edges of polygons included, corners truncated to whole pixels as for OpenCV's fillPoly.

Source: minghanqin/LangSplat eval/evaluate_iou_loc.py; OpenGaussian scripts/compute_lerf_iou.py, render_lerf_by_text.py.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from splatseg.errors import MaskError
from splatseg.evaluate.protocols.score import mean, over_pairs, share_above
from splatseg.evaluate.protocols.task import (
    Box,
    Layout,
    Protocol,
    Reference,
    Row,
    Target,
    Task,
    images_in,
    same_stem,
    subfolders,
)
from splatseg.untrusted.documents import DocumentError, Field, read_json
from splatseg.untrusted.images import PIXEL
from splatseg.untrusted.memory import Guard

LAYOUT = Layout("LERF-OVS", "label/<scene>/frame_<number>.json next to <scene>/images and sparse/0")

FRAMES: dict[str, tuple[int, ...]] = {
    "waldo_kitchen": (53, 66, 89, 140, 154),
    "ramen": (6, 24, 60, 65, 81, 119, 128),
    "figurines": (41, 105, 152, 195),
    "teatime": (2, 25, 43, 107, 129, 140),
}
"""The labelled frames of the four scenes."""

MOST_PIXELS = 2**15
"""Limit of a side of a frame, pixels."""

Object = tuple[str, list[list[tuple[int, int]]], list[Box]]
"""category, polygons, boxes."""


def read(folder: Path) -> tuple[Task, ...]:
    """Read the scenes of the data set, of its label folder, or the one scene at `folder`.

    Raises MaskError, listing what is missing.
    """
    LAYOUT.check(folder)
    root = folder / "label" if (folder / "label").is_dir() else folder
    scenes = [root] if _labels(root) else [scene for scene in subfolders(root) if _labels(scene)]
    LAYOUT.require([] if scenes else ["label/<scene>/frame_<number>.json"], folder)
    return tuple(_task(scene) for scene in scenes)


def direct_figures(rows: Sequence[Row]) -> dict[str, float]:
    """Return OpenGaussian's figures."""
    return {"miou": over_pairs(rows, "iou"), "acc25": share_above(rows, 0.25), "acc50": share_above(rows, 0.5)}


def rendered_figures(rows: Sequence[Row]) -> dict[str, float]:
    """Return LangSplat's figures."""
    return {"miou": over_pairs(rows, "iou"), "localisation": mean(bool(row.localised) for row in rows)}


DIRECT = Protocol("lerf-ovs", f"{LAYOUT.title}, direct 3D selection", read, 10, direct_figures, shown="alone")
RENDERED = Protocol("lerf-ovs-2d", f"{LAYOUT.title}, rendered 2D", read, 127, rendered_figures)


def _labels(folder: Path) -> list[Path]:
    return [path for path in images_in(folder, (".json",)) if path.name.startswith("frame_")]


def _task(scene: Path) -> Task:
    name = scene.absolute().name
    files = [f"frame_{frame:05d}.json" for frame in FRAMES.get(name, ())]
    LAYOUT.require([file for file in files if not (scene / file).is_file()], scene)
    targets: list[Target] = []
    references: dict[str, Reference] = {}
    for path in _labels(scene):
        size, objects = _read_label(path)
        for category, polygons, boxes in objects:
            truth = partial(drawn, polygons, *size)
            number = path.stem.rpartition("_")[2]
            places = (f"{path.stem}_{category}.png", f"{number}/chosen_{category}.png")
            first = category not in references
            targets.append(Target(category, path.stem, truth, places, tuple(boxes), is_reference=first))
            references.setdefault(category, Reference(path.stem, truth))
    return Task(name, name, tuple(targets), references, same_stem)


def _read_label(path: Path) -> tuple[tuple[int, int], list[Object]]:
    """Read (width, height) and the objects of a frame, each category once."""
    try:
        label = read_json(path)
        size = tuple(label["info"][side].whole(1, MOST_PIXELS) for side in ("width", "height"))
        Guard.of(path, MaskError).check(f"{size[0]}x{size[1]} pixels", PIXEL * size[0] * size[1])
        merged: dict[str, Object] = {}
        for thing in label["objects"].items():
            # The category becomes a part of the names of files.
            category = thing["category"].text(r"[^/\\\0]+", "a category without slashes")
            _, polygons, boxes = merged.setdefault(category, (category, [], []))
            corners = [corner.numbers(2) for corner in thing["segmentation"].items("corner")]
            if len(corners) < 3:
                raise DocumentError(f"a polygon of fewer than 3 corners ({category})")
            polygons.append([(_pixel(x), _pixel(y)) for x, y in corners])
            x0, y0, x1, y1 = _box(thing["bbox"])
            boxes.append((x0, y0, x1, y1))
    except (OSError, DocumentError) as error:
        raise MaskError(
            f"{path} is not a label of LERF-OVS ({error}); it should hold info (width, height) "
            "and objects (category, segmentation, bbox)"
        ) from error
    return (size[0], size[1]), list(merged.values())


def _pixel(value: float) -> int:
    """Return a coordinate as a whole pixel; the drawing of polygons takes no numbers beyond all pictures."""
    return int(min(max(value, -MOST_PIXELS), MOST_PIXELS))


def _box(field: Field) -> tuple[float, ...]:
    """Return the four numbers of a box, written as a list of four or as two corners."""
    if isinstance(field.value, list) and len(field.value) == 2:
        low, high = (corner.numbers(2) for corner in field.items("corner"))
        return *low, *high
    return field.numbers(4)


def drawn(polygons: Sequence[Sequence[tuple[int, int]]], width: int, height: int) -> np.ndarray:
    """Draw the union of polygons, edges included: (H,W) bool."""
    image = Image.new("L", (width, height))
    for polygon in polygons:
        # One at a time: overlapping polygons of an object must not cancel each other.
        ImageDraw.Draw(image).polygon([*polygon], fill=1, outline=1)
    return np.asarray(image) > 0
