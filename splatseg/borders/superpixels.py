"""Superpixels of all views as masks, with their merge trees: the source from which borders are collected.

Superpixels of a view are a flat label map, so their votes (`votes.votes`) hold all that the view sees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatseg.capture.view import View
from splatseg.errors import MaskError
from splatseg.masks.propose.view_trees import ViewTrees, read_view_trees, trees_path
from splatseg.masks.segments import Segments
from splatseg.resampling import nearest_pixels
from splatseg.votes.votes import Votes


@dataclass(frozen=True)
class Superpixels:
    """The superpixels in a folder of masks."""

    folder: Path
    """Folder of the masks."""

    files: dict[str, Path]
    """File of each view, by its name."""

    @classmethod
    def found(cls, folder: Path, views: Sequence[View]) -> Superpixels | None:
        """Return the superpixels of views, or None if any view has none in the folder."""
        files = {view.name: trees_path(folder, view) for view in views}
        return cls(folder, files) if files and all(path.is_file() for path in files.values()) else None

    def trees(self, name: str) -> ViewTrees:
        """Read superpixels and trees of a view. Raises MaskError for a damaged file."""
        return read_view_trees(self.files[name])

    def read(self, view: View) -> Segments | None:
        """Return the superpixels of a view at the size of its camera, id = superpixel + 1.

        Raises MaskError for a damaged file, and for superpixels of an image of another shape.
        """
        trees, camera = self.trees(view.name), view.camera
        height, width = trees.labels.shape
        if not camera.fits(width, height):
            raise MaskError(
                f"{self.files[view.name]} is of {width}x{height} pixels, but the view '{view.name}' is "
                f"{camera.width}x{camera.height}, of another shape; make the masks anew with --overwrite"
            )
        labels = (trees.labels + 1).astype(np.int32)
        if labels.shape != (camera.height, camera.width):
            labels = np.ascontiguousarray(nearest_pixels(labels, camera.height, camera.width))
        ignored = view.ignored()
        if ignored is not None:  # superpixels keep their numbers, as trees know them
            labels = np.where(ignored, np.int32(0), labels)
        return Segments((labels,), trees.count, np.ones(trees.count, np.float32), ignored)


@dataclass(frozen=True, eq=False)
class Borders:
    """Superpixels and their votes on a splat."""

    votes: Votes
    """Votes of the superpixels; the id of a mask is its superpixel + 1."""

    superpixels: Superpixels
    """Their source, with the trees."""
