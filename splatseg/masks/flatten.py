"""Masks flattened to one label map for each view, in the folders that other programs read.

Where masks overlap, the smaller one is visible. Ids are 1, 2, ... in every view, 0 = none, and unrelated across views.

    cgc                  seg_masks/<name>.png    16 bits    Contrastive Gaussian Clustering's own code
    gaussian-grouping    object_mask/<name>.png   8 bits    Gaussian Grouping; the 255 largest segments of a view

Both programs cut a name at its first dot and drop folders, so the files are named that way. Gaussian Grouping expects
ids that are the same in all views (from a tracker); it can use these masks only within single views.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np

from splatseg.errors import MaskError
from splatseg.files import write_png
from splatseg.machine.threads import in_order
from splatseg.masks.layout import Layout
from splatseg.masks.segments import Segments, from_label_map
from splatseg.masks.store import all_masks
from splatseg.progress import Progress


@dataclass(frozen=True)
class Flattened:
    """Result of `flatten_masks`."""

    folder: Path
    """Folder of the label maps."""

    views: int
    """Number of label maps, one for each view."""

    clipped: int
    """Number of views that had more segments than the format holds."""


_FOLDERS: dict[Layout, tuple[str, type[np.unsignedinteger]]] = {
    "cgc": ("seg_masks", np.uint16),
    "gaussian-grouping": ("object_mask", np.uint8),
}
"""Folder and pixel type of each layout."""


def flatten_masks(masks: Path, output: Path, layout: Layout, on_view: Progress | None = None) -> Flattened:
    """Write the masks of a folder (or COCO data set) in a layout. on_view(done, total) is called after every view.

    Raises MaskError for unreadable masks, and if two views would have one name in that layout.
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
                f"the masks of '{other}' and '{key}' would both be {file} for {layout}, which takes names without "
                "folders and up to the first dot; rename the images"
            )

    def write(named: tuple[str, str]) -> bool:
        file, key = named
        label_map, lost = _labels(sources[key](), int(np.iinfo(kind).max))
        write_png(folder / file, label_map.astype(kind))
        return lost

    clipped = 0
    for done, lost in enumerate(in_order(write, files.items()), start=1):
        clipped += lost
        if on_view is not None:
            on_view(done, len(files))
    return Flattened(folder, len(files), clipped)


def _labels(segments: Segments, most: int) -> tuple[np.ndarray, bool]:
    """Return a label map (H,W) of the `most` largest visible segments, ids consecutive, and True if there were more."""
    seen = from_label_map(segments.flattened())
    flat = seen.layers[0]
    if seen.count <= most:
        return flat, False
    largest = np.sort(np.argsort(-seen.areas(), kind="stable")[:most])
    new_id = np.zeros(seen.count + 1, np.int32)
    new_id[largest + 1] = np.arange(1, most + 1)
    return new_id[flat], True
