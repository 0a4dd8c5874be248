"""Masks of several sources put together: folders with weights, and true masks that lead them.

The masks of a view are those of all folders that have some, each with the weight of its folder. A view that has true
masks, drawn or corrected by a person, has those alone: what others say of it is known to be wrong somewhere. True masks
have no weight of their own, see `votes.votes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatseg.capture.view import View
from splatseg.errors import MaskError
from splatseg.masks.segments import Segments, together
from splatseg.masks.store import MaskStore, open_masks


@dataclass(frozen=True, eq=False)
class MaskSources:
    """Masks of several folders."""

    stores: tuple[MaskStore, ...]
    """The folders, or data sets."""

    weights: tuple[float, ...]
    """Weights of the folders, above 0."""

    true: MaskStore | None
    """Folder of true masks, or None."""

    names: tuple[str, ...]
    """Names of the views that have masks, in the order of the views."""

    def read(self, view: View) -> Segments | None:
        """Read the segments of a view at the size of its camera, without ignored pixels; None if it has no masks.

        Raises MaskError if a file cannot be read or is of another shape than the image.
        """
        true = None if self.true is None else self.true.read(view)
        if true is not None:
            return together([true], [np.inf])
        read = [(store.read(view), weight) for store, weight in zip(self.stores, self.weights, strict=True)]
        found = [(segments, weight) for segments, weight in read if segments is not None]
        if not found:
            return None
        segments, weights = zip(*found, strict=True)
        return segments[0] if weights == (1.0,) else together(segments, weights)


def open_sources(
    folders: Sequence[tuple[Path | str, float]], views: Sequence[View], true: Path | str | None = None
) -> MaskSources:
    """Open folders of masks with their weights for the views of a capture, and a folder of true masks of some views.

    Raises MaskError as `open_masks` does, for a weight that is not above 0, and for a folder that is given twice.

    Example:
        >>> masks = splatseg.open_sources([(splatseg.demo_capture() / "masks", 2.0)], capture.views)
        >>> float(masks.read(capture.views[0]).weights.max())
        2.0
    """
    places = [Path(folder).resolve() for folder, _ in folders] + ([] if true is None else [Path(true).resolve()])
    for place in places:
        if places.count(place) > 1:
            raise MaskError(f"the masks in {place} are given twice; give each folder once, with its weight")
    for folder, weight in folders:
        if not 0 < weight < np.inf:
            raise MaskError(f"the masks in {folder} have the weight {weight:g}; give a number above 0")
    stores = tuple(open_masks(folder, views) for folder, _ in folders)
    drawn = None if true is None else open_masks(true, views)
    there = {name for store in (*stores, *([] if drawn is None else [drawn])) for name in store.names}
    names = tuple(view.name for view in views if view.name in there)
    return MaskSources(stores, tuple(float(weight) for _, weight in folders), drawn, names)
