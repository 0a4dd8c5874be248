"""Masks of one view as JSON, in one of these layouts, recognised by their keys.

* SAM: a list of {"segmentation": {"size": [H, W], "counts": ...}, "predicted_iou": ...}, bare, or as "annotations"
  next to an "image" of "width" and "height" (SA-1B, `splatseg masks`); with that size the list may be empty.
* Labelme: {"imageWidth", "imageHeight", "shapes": [{"shape_type", "points", "label", "group_id"}, ...]}: polygons,
  rectangles, circles and masks; shapes of one label and group are one segment; lines and points have no area.
* COCO with one image: {"images": [{"width", "height"}], "annotations": [{"segmentation": polygons or run lengths}]}.
  For many images in one file see `masks.formats.coco_dataset`.

A polygon has no holes, so what smaller masks inside it cover is taken out of it (`masks.formats.outlines`).
"""

from __future__ import annotations

import base64
import io
import math
from typing import Any

import numpy as np
from PIL import Image

from splatseg.masks.formats.outlines import without_held
from splatseg.masks.formats.polygons import fill_polygon
from splatseg.masks.formats.rle import packed_of_runs, read_runs
from splatseg.masks.segments import Segments, from_packed

MAX_PIXELS = 1 << 28
MAX_BYTES = 1 << 32
"""A mask of more pixels, or masks of one view that fill more bytes, mean a damaged or hostile file."""

SCORES = ("predicted_iou", "stability_score", "score")
"""Names of scores, in order of preference."""


def segments_of_json(content: Any) -> Segments:
    """Return the segments in the parsed file of one view. Raises ValueError, KeyError or others for anything else."""
    if isinstance(content, dict) and "shapes" in content:
        return _of_labelme(content)
    if isinstance(content, dict) and "images" in content:
        images = content["images"]
        if len(images) != 1:
            raise ValueError(f"a COCO data set of {len(images)} images; give the file itself instead of its folder")
        return segments_of_rows(content.get("annotations") or [], *_size(images[0]))
    image = content.get("image") if isinstance(content, dict) else None
    rows = content.get("annotations") if isinstance(content, dict) else content
    if isinstance(image, dict) and isinstance(rows, list) and "width" in image and "height" in image:
        return segments_of_rows(rows, *_size(image))
    if not isinstance(rows, list) or not rows:
        raise ValueError("it lists no masks; remove it if the view has none")
    height, width = (int(side) for side in _run_lengths(rows[0])["size"])
    return segments_of_rows(rows, height, width)


def segments_of_rows(rows: list[Any], height: int, width: int) -> Segments:
    """Return the segments of annotations {"segmentation": ..., score} of one image. Raises ValueError if malformed."""
    check_size(height, width)
    if len(rows) * height * width > 8 * MAX_BYTES:
        raise ValueError(f"{len(rows)} masks of {width}x{height}")
    packed = np.zeros((len(rows), (height * width + 7) // 8), np.uint8)
    scores = np.ones(len(rows), np.float32)
    for m, row in enumerate(rows):
        packed[m] = _packed(row, height, width)
        score = float(next((row[name] for name in SCORES if row.get(name) is not None), 1.0))
        with np.errstate(over="ignore"):  # a score beyond float32 becomes infinite, without a warning
            scores[m] = score
    drawn = np.array([isinstance(row["segmentation"], list) for row in rows], dtype=bool)
    return from_packed(without_held(packed, drawn), height, width, scores)


def check_size(height: int, width: int) -> None:
    """Raise ValueError for an impossible size of a mask."""
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"the size {width}x{height} is impossible")


def _packed(row: Any, height: int, width: int) -> np.ndarray:
    """Return the mask of an annotation, polygons or run lengths, as bits."""
    segmentation = row.get("segmentation") if isinstance(row, dict) else None
    if isinstance(segmentation, list):
        mask = np.zeros((height, width), bool)
        for polygon in segmentation:
            fill_polygon(mask, np.asarray(polygon, float).reshape(-1, 2))
        return np.packbits(mask)
    rle = _run_lengths(row)
    if list(rle["size"]) != [height, width]:
        raise ValueError(f"masks of different sizes, {[height, width]} and {rle['size']}")
    return packed_of_runs(read_runs(rle["counts"], height, width), height, width)


def _run_lengths(row: Any) -> dict[str, Any]:
    rle = row.get("segmentation") if isinstance(row, dict) else None
    if not isinstance(rle, dict) or "size" not in rle or "counts" not in rle:
        raise ValueError("a mask without run lengths ('segmentation' with 'size' and 'counts')")
    return rle


def _size(image: dict[str, Any]) -> tuple[int, int]:
    height, width = int(image["height"]), int(image["width"])
    check_size(height, width)
    return height, width


def _of_labelme(content: dict[str, Any]) -> Segments:
    """Return the segments of a Labelme file; shapes of one label and group are one segment."""
    height, width = int(content["imageHeight"]), int(content["imageWidth"])
    check_size(height, width)
    masks: dict[Any, np.ndarray] = {}
    for i, shape in enumerate(content["shapes"]):
        group = shape.get("group_id")
        # A shape without a group is a segment of its own.
        key = (i,) if group is None else (shape.get("label"), group)
        if key not in masks and (len(masks) + 1) * height * width > 8 * MAX_BYTES:
            raise ValueError(f"{len(content['shapes'])} shapes in {width}x{height}")
        mask = np.zeros((height, width), bool)
        _draw(shape, mask)
        masks[key] = masks.get(key, 0) | np.packbits(mask)
    packed = np.stack(list(masks.values())) if masks else np.zeros((0, (height * width + 7) // 8), np.uint8)
    return from_packed(without_held(packed, np.ones(len(packed), dtype=bool)), height, width)


def _draw(shape: dict[str, Any], mask: np.ndarray) -> None:
    """Set the pixels of a Labelme shape in mask (H,W) bool; lines and points have none."""
    kind = shape.get("shape_type") or "polygon"
    points = np.asarray(shape["points"], float).reshape(-1, 2)
    if not np.isfinite(points).all():
        raise ValueError("a shape with coordinates that are not finite")
    if kind == "polygon":
        fill_polygon(mask, points)
    elif kind == "rectangle":
        (x0, y0), (x1, y1) = points
        fill_polygon(mask, np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]]))
    elif kind == "circle":
        centre, on_edge = points
        radius = math.dist(centre, on_edge)
        rows, columns = np.ogrid[: mask.shape[0], : mask.shape[1]]
        mask |= (columns + 0.5 - centre[0]) ** 2 + (rows + 0.5 - centre[1]) ** 2 < radius**2
    elif kind == "mask":
        with Image.open(io.BytesIO(base64.b64decode(shape["mask"], validate=True))) as image:
            stamp = np.asarray(image.convert("L")) > 0
        left, top = (int(side) for side in np.floor(points[0]))
        if left < 0 or top < 0:
            raise ValueError("a mask outside the image")
        place = mask[top : top + stamp.shape[0], left : left + stamp.shape[1]]
        place |= stamp[: place.shape[0], : place.shape[1]]
