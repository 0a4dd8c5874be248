"""Masks of one view as JSON, in one of these layouts, recognised by their keys.

* SAM: a list of {"segmentation": {"size": [H, W], "counts": ...}, "predicted_iou": ...}, bare, or as "annotations"
  next to an "image" of "width" and "height" (SA-1B, `splatseg masks`), or to "img_width" and "img_height"
  (Grounded-SAM-2); with that size the list may be empty, and run lengths may stand alone, without "size". A mask may
  be its run lengths alone, {"size", "counts"}, or rows of true and false.
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
from collections.abc import Mapping
from typing import Any

import numpy as np

from splatseg.masks.formats.outlines import without_held
from splatseg.masks.formats.polygons import fill_polygon
from splatseg.masks.formats.rle import packed_of_runs, read_runs
from splatseg.masks.segments import Segments, from_packed
from splatseg.untrusted.images import open_image
from splatseg.untrusted.memory import Guard
from splatseg.untrusted.numbers import whole_number

MAX_PIXELS = 1 << 28
"""A mask of more pixels means a damaged or hostile file."""

ANY = 1 << 62
"""Sides beyond this are not even numbers."""

PIXEL = 24
"""Bytes that a pixel of a view takes while one mask is drawn or its runs are unrolled, with the first layer of ids."""

MOST_DRAWN = 1 << 24
"""Most pixels that the boxes of the polygons of one mask cover in all, or 16 times its own: parts lie side by side."""

MOST_SHAPES = 1 << 34
"""Most pixels in all that the shapes of a Labelme file are drawn in, each in those of the whole picture."""

STAMP = 8
"""Bytes that a pixel of a mask inside a Labelme file takes."""

MOST_MASKS = 20_000
"""Masks of one view in a file; models that segment everything list some hundreds."""

SCORES = ("predicted_iou", "stability_score", "score")
"""Names of scores, in order of preference."""


def segments_of_json(content: Any, guard: Guard) -> Segments:
    """Return the segments in the parsed file of one view. guard: that of the file.

    Raises ValueError, KeyError or others for anything else, and the guard's error for masks that take too much memory.
    """
    check_other_programs(content)
    if isinstance(content, dict) and "shapes" in content:
        return _of_labelme(content, guard)
    if isinstance(content, dict) and "images" in content:
        images = content["images"]
        if len(images) != 1:
            raise ValueError(f"a COCO data set of {len(images)} images; give the file itself instead of its folder")
        return segments_of_rows(content.get("annotations") or [], *_size(images[0]), guard)
    image = content.get("image") if isinstance(content, dict) else None
    if isinstance(content, dict) and {"img_width", "img_height"} <= content.keys():
        image = {"width": content["img_width"], "height": content["img_height"]}
    rows = content.get("annotations", content.get("masks")) if isinstance(content, dict) else content
    if isinstance(rows, list):
        rows = [{"segmentation": row} if isinstance(row, dict) and "counts" in row else row for row in rows]
    if isinstance(image, dict) and isinstance(rows, list) and "width" in image and "height" in image:
        return segments_of_rows(rows, *_size(image), guard)
    if not isinstance(rows, list) or not rows:
        raise ValueError("it lists no masks; remove it if the view has none")
    matrix = _matrix(rows[0].get("segmentation")) if isinstance(rows[0], dict) else None
    sides = _run_lengths(rows[0])["size"] if matrix is None else matrix.shape
    height, width = (whole_number(side, -ANY, ANY) for side in sides)
    return segments_of_rows(rows, height, width, guard)


def check_other_programs(content: Any) -> None:
    """Raise ValueError, with the way out, for JSON that annotation tools write and nobody else reads."""
    first = content[0] if isinstance(content, list) and content else None
    values = list(content.values())[:1] if isinstance(content, dict) else []
    if isinstance(first, dict) and "data" in first and ("annotations" in first or "completions" in first):
        raise ValueError("Label Studio's own JSON: export as COCO, or as brush labels to PNG")
    if isinstance(content, dict) and (
        "_via_img_metadata" in content or (values and isinstance(values[0], dict) and "regions" in values[0])
    ):
        raise ValueError("the JSON of VGG Image Annotator: export as COCO")
    if isinstance(content, dict) and "mask_name" in content and "labels" in content:
        raise ValueError("it describes the masks of Grounded-SAM-2: give the folder mask_data beside it")


def segments_of_rows(rows: list[Any], height: int, width: int, guard: Guard) -> Segments:
    """Return the segments of annotations {"segmentation": ..., score} of one image. guard: that of their file.

    Raises ValueError if they are malformed, and the guard's error for masks that take too much memory.
    """
    check_size(height, width)
    if len(rows) > MOST_MASKS:
        raise ValueError(f"it lists {len(rows):,} masks of one view; the most is {MOST_MASKS:,}")
    left = _left_for_layers(len(rows), height, width, guard)
    packed = np.zeros((len(rows), (height * width + 7) // 8), np.uint8)
    scores = np.ones(len(rows), np.float32)
    for m, row in enumerate(rows):
        packed[m] = _packed(row, height, width)
        with np.errstate(over="ignore"):  # a score beyond float32 becomes infinite, without a warning
            scores[m] = score_of(row)
    drawn = np.array([_is_drawn(row["segmentation"], height, width) for row in rows], dtype=bool)
    return from_packed(without_held(packed, drawn), height, width, scores, left)


def _left_for_layers(count: int, height: int, width: int, guard: Guard) -> int:
    """Return the bytes that are left for layers of ids. Raises the guard's error if none are."""
    # Copies of the bits: as they were read, without what outlines hold, as whole words; and one to spare.
    bits = 4 * count * ((height * width + 7) // 8)
    guard.check(f"{count} masks of {width}x{height} pixels", bits + PIXEL * height * width)
    return guard.allowed - bits


def score_of(row: Mapping[str, Any]) -> float:
    """Return the score of an annotation by the names of `SCORES`; 1 if it has none.

    A list of one number (SAM 2 gives scores of shape (N, 1)) and a number as text count; anything else is no score.
    """
    for name in SCORES:
        value: Any = row.get(name)
        while isinstance(value, list) and len(value) == 1:
            value = value[0]
        try:
            score = float(value)
        except (TypeError, ValueError, OverflowError):
            continue
        if not math.isnan(score):
            return score
    return 1.0


def check_size(height: int, width: int) -> None:
    """Raise ValueError for an impossible size of a mask."""
    if min(height, width) < 1 or height * width > MAX_PIXELS:
        raise ValueError(f"the size {width}x{height} is impossible")


def _packed(row: Any, height: int, width: int) -> np.ndarray:
    """Return the mask of an annotation, polygons or run lengths, as bits."""
    segmentation = row.get("segmentation") if isinstance(row, dict) else None
    matrix = _matrix(segmentation)
    if matrix is not None:
        if matrix.shape != (height, width):
            raise ValueError(f"masks of different sizes, {[height, width]} and {list(matrix.shape)}")
        return np.packbits(matrix)
    if isinstance(segmentation, list) and _is_drawn(segmentation, height, width):
        mask = np.zeros((height, width), bool)
        # One polygon may stand without the list around it.
        nested = not segmentation or isinstance(segmentation[0], list)
        drawn = 0.0
        for polygon in segmentation if nested else [segmentation]:
            points = np.asarray(polygon, float).reshape(-1, 2)
            fill_polygon(mask, points)
            drawn += float(np.ptp(points.clip(0, (width, height)), axis=0).prod()) if len(points) else 0.0
            if drawn > max(MOST_DRAWN, 16 * mask.size):
                raise ValueError(f"{len(segmentation)} polygons of one mask lie on one another")
        return np.packbits(mask)
    if isinstance(segmentation, (list, str)):  # run lengths alone, of the size of the image
        return packed_of_runs(read_runs(_counts(segmentation), height, width), height, width)
    rle = _run_lengths(row)
    if list(rle["size"]) != [height, width]:
        raise ValueError(f"masks of different sizes, {[height, width]} and {rle['size']}")
    return packed_of_runs(read_runs(_counts(rle["counts"]), height, width), height, width)


def _matrix(segmentation: Any) -> np.ndarray | None:
    """Return a mask (H,W) bool that is written out as rows of true and false, or 1 and 0; None for anything else."""
    if not isinstance(segmentation, list) or len(segmentation) < 2 or not isinstance(segmentation[0], list):
        return None
    if not segmentation[0] or any(value not in (0, 1) for value in segmentation[0]):
        return None
    if any(not isinstance(row, list) or len(row) != len(segmentation[0]) for row in segmentation):
        return None
    values = np.array(segmentation)
    return values != 0 if values.dtype.kind in "biu" and np.isin(values, (0, 1)).all() else None


def _is_drawn(segmentation: Any, height: int, width: int) -> bool:
    """Tell polygons from run lengths that stand alone: whole numbers that fill the mask."""
    if not isinstance(segmentation, list) or _matrix(segmentation) is not None:
        return False
    whole = bool(segmentation) and all(type(count) is int for count in segmentation)
    return not (whole and sum(segmentation) == height * width)


def _counts(counts: Any) -> Any:
    """Return run lengths; a text that is Python's of bytes (b'...', as str() makes it) is read as these bytes."""
    if isinstance(counts, str) and counts[:2] in ("b'", 'b"') and counts[-1] == counts[1]:
        return counts[2:-1].replace("\\\\", "\\")  # the only character of run lengths that Python escapes
    return counts


def _run_lengths(row: Any) -> dict[str, Any]:
    rle = row.get("segmentation") if isinstance(row, dict) else None
    if not isinstance(rle, dict) or "size" not in rle or "counts" not in rle:
        raise ValueError("a mask without run lengths ('segmentation' with 'size' and 'counts')")
    return rle


def _size(image: dict[str, Any]) -> tuple[int, int]:
    height, width = (whole_number(image[name], -ANY, ANY) for name in ("height", "width"))
    check_size(height, width)
    return height, width


def _of_labelme(content: dict[str, Any], guard: Guard) -> Segments:
    """Return the segments of a Labelme file; shapes of one label and group are one segment."""
    height, width = (whole_number(content[name], -ANY, ANY) for name in ("imageHeight", "imageWidth"))
    check_size(height, width)
    # A shape without a group is a segment of its own.
    groups = [(shape.get("label"), shape.get("group_id")) for shape in content["shapes"]]
    keys = [(i,) if group[1] is None else group for i, group in enumerate(groups)]
    if len(keys) * height * width > MOST_SHAPES:
        raise ValueError(f"{len(keys)} shapes in {width}x{height} pixels")
    left = _left_for_layers(len(set(keys)), height, width, guard)
    masks: dict[Any, np.ndarray] = {}
    for key, shape in zip(keys, content["shapes"], strict=True):
        mask = np.zeros((height, width), bool)
        _draw(shape, mask, guard)
        masks[key] = masks.get(key, 0) | np.packbits(mask)
    packed = np.stack(list(masks.values())) if masks else np.zeros((0, (height * width + 7) // 8), np.uint8)
    return from_packed(without_held(packed, np.ones(len(packed), dtype=bool)), height, width, most=left)


def _draw(shape: dict[str, Any], mask: np.ndarray, guard: Guard) -> None:
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
        data = base64.b64decode(shape["mask"], validate=True)
        with open_image(io.BytesIO(data), Guard(guard.kind, guard.where, len(data)), STAMP) as image:
            stamp = np.asarray(image.convert("L")) > 0
        left, top = (int(side) for side in np.floor(points[0]))
        if left < 0 or top < 0:
            raise ValueError("a mask outside the image")
        place = mask[top : top + stamp.shape[0], left : left + stamp.shape[1]]
        place |= stamp[: place.shape[0], : place.shape[1]]
