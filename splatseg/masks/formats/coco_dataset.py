"""COCO data sets: annotations of many images in one file, as COCO, CVAT, Roboflow and Label Studio write them.

    {"images": [{"id", "file_name", "width", "height"}], "annotations": [{"image_id", "segmentation", ...}], ...}

Segmentations are polygons or run lengths (`masks.formats.json_masks`). Images without annotations have no masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splatseg.errors import MaskError, SplatsegError
from splatseg.masks.formats.json_masks import ANY, check_other_programs, segments_of_rows
from splatseg.masks.segments import Segments
from splatseg.untrusted.documents import read_json
from splatseg.untrusted.memory import Guard
from splatseg.untrusted.numbers import whole_number


@dataclass(frozen=True, eq=False)
class CocoDataset:
    """Annotations of many images."""

    path: Path
    """File of the data set; of several, their folder."""

    images: dict[str, tuple[dict[str, Any], list[Any], Path]]
    """Entry and annotations of each image, and the file they are from, by `file_name`."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the images, with their folders."""
        return tuple(self.images)

    def segments(self, name: str) -> Segments:
        """Return the segments of one image. Raises MaskError if its annotations are malformed."""
        image, rows, path = self.images[name]
        try:
            height, width = (whole_number(image[side], -ANY, ANY) for side in ("height", "width"))
            return segments_of_rows(rows, height, width, Guard.of(path, MaskError))
        except SplatsegError:
            raise
        except Exception as error:  # a malformed annotation can cause nearly any type of error
            raise MaskError(f"the masks of '{name}' in {path} cannot be read ({error}); export them again") from error


def read_coco_dataset(path: Path) -> CocoDataset:
    """Read the whole file, without images that have no annotations. Raises MaskError if it is not a COCO data set."""
    try:
        content = read_json(path).plain()
        check_other_programs(content)
        images = {image["id"]: image for image in content["images"]}
        rows: dict[Any, list[Any]] = {}
        for row in content["annotations"]:
            rows.setdefault(row["image_id"], []).append(row)
        strange = [image_id for image_id in rows if image_id not in images]
        if strange:
            raise ValueError(f"annotations of an image {strange[0]} that it does not list")
        if rows and not any(row.get("segmentation") for several in rows.values() for row in several):
            panoptic = any("segments_info" in row for several in rows.values() for row in several)
            raise ValueError(
                "its masks are in PNG files: give their folder"
                if panoptic
                else "boxes or points without any segmentation: draw or make masks"
            )
        named = {str(images[image_id]["file_name"]).replace("\\", "/"): image_id for image_id in rows}
        return CocoDataset(path, {name: (images[i], rows[i], path) for name, i in named.items()})
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        reason = f"it lacks {error}" if isinstance(error, KeyError) else error
        raise MaskError(
            f"{path} is no COCO data set of masks ({reason}); it needs 'images', and 'annotations' with 'segmentation'"
        ) from error


def read_coco_datasets(folder: Path, paths: Sequence[Path]) -> CocoDataset | None:
    """Read the data sets among some JSON files in a folder as one, such as the parts train, valid and test of one.

    Returns None if none of them is a data set with masks. Raises MaskError if two hold masks of the same image.
    """
    images: dict[str, tuple[dict[str, Any], list[Any], Path]] = {}
    for path in paths:
        try:
            found = read_coco_dataset(path).images
        except MaskError:
            continue
        twice = sorted(found.keys() & images.keys())
        if twice:
            raise MaskError(
                f"{images[twice[0]][2]} and {path} both hold masks of '{twice[0]}'; give the one to take instead of "
                "their folder"
            )
        images |= found
    return CocoDataset(folder, images) if images else None
