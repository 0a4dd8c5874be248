"""COCO data sets: annotations of many images in one file, as COCO, CVAT, Roboflow and Label Studio write them.

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
    """Annotations of many images."""

    path: Path
    """File of the data set."""

    images: dict[str, tuple[dict[str, Any], list[Any]]]
    """Entry and annotations of each image, by `file_name`."""

    def segments(self, file_name: str) -> Segments:
        """Return the segments of one image. Raises MaskError if its annotations are malformed."""
        image, rows = self.images[file_name]
        try:
            return segments_of_rows(rows, int(image["height"]), int(image["width"]))
        except Exception as error:  # a malformed annotation can cause nearly any type of error
            raise MaskError(
                f"the masks of '{file_name}' in {self.path} cannot be read ({error}); export them again"
            ) from error


def read_coco_dataset(path: Path) -> CocoDataset:
    """Read the whole file, without images that have no annotations. Raises MaskError if it is not a COCO data set."""
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
            f"{path} is not a COCO data set ({reason}); expected 'images' and 'annotations' with 'segmentation'"
        ) from error
