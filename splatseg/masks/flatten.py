"""Masks flattened to one label map a view, in the folders that other programs read.

Where masks overlap the smaller is seen; ids are 1, 2, ... in every view anew, 0 = none, and mean nothing across views.

    cgc                  seg_masks/<name>.png    16 bits    Contrastive Gaussian Clustering's own code
    gaussian-grouping    object_mask/<name>.png   8 bits    Gaussian Grouping; the 255 largest segments of a view

Both programs take a name up to its first dot and forget folders, so that is how the files are named. Gaussian Grouping
wants ids that mean the same in all views (from a tracker); of these masks it can only use what is one view's.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal

import numpy as np

from splatseg.errors import MaskError
from splatseg.files import write_png
from splatseg.masks.segments import Segments, from_label_map
from splatseg.masks.store import all_masks
from splatseg.progress import Progress, counted

Layout = Literal["cgc", "gaussian-grouping"]


@dataclass(frozen=True)
class Flattened:
    """What was written: label maps, and how many views had more segments than the format holds."""

    folder: Path
    views: int
    clipped: int


_FOLDERS: dict[Layout, tuple[str, type[np.unsignedinteger]]] = {
    "cgc": ("seg_masks", np.uint16),
    "gaussian-grouping": ("object_mask", np.uint8),
}


def flatten_masks(masks: Path, output: Path, layout: Layout, on_view: Progress | None = None) -> Flattened:
    """Write the masks of a folder (or COCO data set) as a layout has them. on_view(done, total) after every view.

    Raises MaskError for unreadable masks, and when two views would have one name there.
    """
    name, kind = _FOLDERS[layout]
    folder = output / name
    sources = all_masks(masks)
    files: dict[str, str] = {}
    for key in sources:
        file = PurePosixPath(key).name.split(".")[0] + ".png"
        other = files.setdefault(file, key)
        if other != key:
            raise MaskError(
                f"The masks of '{other}' and '{key}' would both be {file} for {layout}, which takes names without "
                "folders and up to the first dot; rename the images."
            )
    clipped = 0
    for file, key in counted(files.items(), on_view):
        label_map, lost = _labels(sources[key](), int(np.iinfo(kind).max))
        write_png(folder / file, label_map.astype(kind))
        clipped += lost
    return Flattened(folder, len(files), clipped)


def _labels(segments: Segments, most: int) -> tuple[np.ndarray, bool]:
    """(H,W) label map of the `most` largest segments that are seen, ids closed up, and whether there were more."""
    seen = from_label_map(segments.flattened())
    flat = seen.layers[0]
    if seen.count <= most:
        return flat, False
    largest = np.sort(np.argsort(-seen.areas(), kind="stable")[:most])
    new_id = np.zeros(seen.count + 1, np.int32)
    new_id[largest + 1] = np.arange(1, most + 1)
    return new_id[flat], True
