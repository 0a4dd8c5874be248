"""A COCO data set: the annotations of many images in one file, as COCO, CVAT, Roboflow and Label Studio write it.

    {"images": [{"id", "file_name", "width", "height"}], "annotations": [{"image_id", "segmentation", ...}], ...}

Segmentations are polygons or run lengths (`masks.formats.json_masks`). Images without annotations have no masks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splatseg.errors import MaskError
from splatseg.masks.formats.json_masks import segments_of_rows
from splatseg.masks.segments import Segments


@dataclass(frozen=True, eq=False)
class CocoDataset:
    """images: by `file_name`, the image's entry and its annotations."""

    path: Path
    images: dict[str, tuple[dict[str, Any], list[Any]]]

    def segments(self, file_name: str) -> Segments:
        """The segments of one image. Raises MaskError if they are malformed."""
        image, rows = self.images[file_name]
        try:
            return segments_of_rows(rows, int(image["height"]), int(image["width"]))
        except Exception as error:  # whatever a malformed annotation leads to
            raise MaskError(f"The masks of '{file_name}' in {self.path} cannot be read ({error}).") from error


def read_coco_dataset(path: Path) -> CocoDataset:
    """Read the whole file. Images that have no annotations are left out. Raises MaskError if it is no COCO data set."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
        images = {image["id"]: image for image in content["images"]}
        rows: dict[Any, list[Any]] = {}
        for row in content["annotations"]:
            rows.setdefault(row["image_id"], []).append(row)
        strange = [image_id for image_id in rows if image_id not in images]
        if strange:
            raise ValueError(f"annotations of an image {strange[0]} that it does not list")
        named = {str(images[image_id]["file_name"]).replace("\\", "/"): image_id for image_id in rows}
        return CocoDataset(path, {name: (images[i], rows[i]) for name, i in named.items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise MaskError(
            f"{path} is not a COCO data set ({reason}); expected are 'images' and 'annotations' with 'segmentation'."
        ) from error
