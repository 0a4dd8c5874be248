"""Superpixels of a view and the heights at which merge trees join them, kept beside the proposals made of them.

    trees/<view>.safetensors      starts (C,), regions (C,)    superpixels as runs of pixels, row by row
                                  merges (T,R-1,2)             merge k of a tree joins two nodes to node R + k
                                  heights (T,R-1)              probability that the two are different things, 0..1

Heights rise towards the root: that of a merge is its cost or the greatest below it, and at most 1. Alphabet: h x w
pixels of the image that was looked at; R superpixels; T trees.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.capture.images import stem_of
from splatseg.capture.view import View
from splatseg.errors import MaskError, RunError
from splatseg.tensors import read_tensors, write_tensors
from splatseg.untrusted.memory import Guard

FORMAT = "splatseg trees 1"
"""Name of the format, in the metadata of the file."""

FOLDER = "trees"
"""Folder of the files, inside that of the masks."""

MOST_PIXELS = 1 << 26
"""Limit of the pixels of a view: images are reduced to a diagonal of 1,300 before they are looked at."""


@dataclass(frozen=True, eq=False)
class ViewTrees:
    """Superpixels of a view, and merge trees of them."""

    labels: np.ndarray
    """Superpixel of every pixel, (h,w) int32, 0..R-1."""

    merges: np.ndarray
    """(T,R-1,2) int32: merge k of a tree makes node R + k of two earlier nodes."""

    heights: np.ndarray
    """(T,R-1) float32 in 0..1, rising towards the root."""

    def __post_init__(self) -> None:
        check_shapes(labels=(self.labels, "H W"), merges=(self.merges, "T K 2"), heights=(self.heights, "T K"))

    @property
    def count(self) -> int:
        """R, the number of superpixels."""
        return int(self.merges.shape[1]) + 1


def trees_of(labels: np.ndarray, merged: Sequence[tuple[np.ndarray, np.ndarray]]) -> ViewTrees:
    """Return the trees of superpixels (h,w): of each its merges (R-1,2) and their costs (R-1,)."""
    merges = np.stack([of_tree for of_tree, _ in merged]).astype(np.int32)
    heights = np.stack([rising_heights(*of_tree) for of_tree in merged])
    return ViewTrees(labels, merges, heights)


def rising_heights(merges: np.ndarray, costs: np.ndarray) -> np.ndarray:
    """Return heights (R-1,) float32 of merges (R-1,2): their costs, at most 1, none below one of a merge below it."""
    count = len(merges) + 1
    heights = [0.0] * (2 * count - 1)
    for node, ((a, b), cost) in enumerate(zip(merges.tolist(), costs.tolist(), strict=True), start=count):
        heights[node] = max(min(cost, 1.0), heights[a], heights[b])
    return np.array(heights[count:], dtype=np.float32)


def trees_path(folder: Path, view: View) -> Path:
    """Return the path of the file of a view, in a folder of masks."""
    return folder / FOLDER / f"{stem_of(view.name)}.safetensors"


def write_view_trees(path: Path, trees: ViewTrees) -> None:
    """Write superpixels and trees of a view atomically."""
    flat = trees.labels.ravel()
    starts = np.flatnonzero(np.concatenate([[True], flat[1:] != flat[:-1]]))
    small = np.uint16 if trees.count <= 1 << 16 else np.int32
    tensors = {
        "starts": starts.astype(np.int32),
        "regions": flat[starts].astype(small),
        "merges": trees.merges.astype(small if 2 * trees.count <= 1 << 16 else np.int32),
        "heights": trees.heights,
        "size": np.array(trees.labels.shape, dtype=np.int32),
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tensors(path, FORMAT, tensors)


def read_view_trees(path: Path) -> ViewTrees:
    """Read what `write_view_trees` wrote. Raises MaskError for any other or a damaged file."""
    again = "remove it, and segments are found without it, or make the masks anew with --overwrite"
    try:
        return read_tensors(path, FORMAT, again, lambda tensors, _: _checked(path, tensors))
    except RunError as error:
        raise MaskError(str(error)) from error


def _checked(path: Path, tensors: dict[str, np.ndarray]) -> ViewTrees:
    starts, regions, merges, heights, size = (
        tensors[name] for name in ("starts", "regions", "merges", "heights", "size")
    )
    _require(starts.dtype == np.int32 and size.dtype == np.int32, "starts and size must be 32-bit numbers")
    _require(all(a.dtype in (np.uint16, np.int32) for a in (regions, merges)), "regions and merges must be numbers")
    _require(size.shape == (2,) and bool((size > 0).all()), "its size is not that of an image")
    height, width = (int(side) for side in size)
    _require(height * width <= MOST_PIXELS, "its size is not that of an image")
    Guard.of(path, MaskError).check(f"{width}x{height} pixels", 8 * height * width)
    _require(starts.ndim == 1 and starts.shape == regions.shape and len(starts) > 0, "runs lack starts or regions")
    lengths = np.diff(np.append(starts.astype(np.int64), height * width))
    _require(starts[0] == 0 and bool((lengths > 0).all()), "runs do not ascend within the image")
    _require(merges.ndim == 3 and merges.shape[0] > 0 and merges.shape[2] == 2, "merges are not pairs of nodes")
    merges, count = merges.astype(np.int32), merges.shape[1] + 1
    _require(heights.shape == merges.shape[:2] and heights.dtype == np.float32, "merges lack heights")
    _require(bool((regions >= 0).all() and (regions < count).all()), "runs are of superpixels that no tree has")
    for of_tree, of_heights in zip(merges, heights, strict=True):
        _check_tree(of_tree, of_heights)
    labels = np.repeat(regions.astype(np.int32), lengths).reshape(height, width)
    return ViewTrees(labels, merges, heights)


def _check_tree(merges: np.ndarray, heights: np.ndarray) -> None:
    count = len(merges) + 1
    own = np.arange(count, 2 * count - 1)
    _require(bool(((merges >= 0) & (merges < own[:, None])).all()), "a merge is not of two earlier nodes")
    _require(len(np.unique(merges)) == merges.size, "a node is merged twice")
    known = np.concatenate([np.zeros(count, np.float32), heights])
    _require(bool((known >= 0).all() and (known <= 1).all()), "heights are not in 0..1")
    _require(bool((known[merges] <= heights[:, None]).all()), "heights do not rise")


def _require(holds: Any, text: str) -> None:
    if not holds:
        raise ValueError(text)
