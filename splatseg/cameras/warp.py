"""Pictures fetched pixel by pixel from where a map says: undistorted, distorted again, or cut out of a panorama.

Alphabet: pixels of pictures (H,W) are squares, the first is [0, 1) x [0, 1); places (R,C,2) float32 are the points
(x, y) of the old picture at the corners, `step` pixels apart, of cells of the new one; the native code interpolates in
between. Where no cell is small enough, at the seam of a panorama, `step` is 0 and places are those of the centres of
all pixels. A cell with a corner that is not finite, and a place outside the old picture, have no pixel.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

from splatseg.arrays import check_shapes

STEPS = (16, 8, 4, 2, 1)
"""Sides of cells that are tried, in pixels."""

EXACT = 0.02
"""Pixels by which interpolated places may be off."""

Fetch = Literal["mean", "cubic", "label", "nearest"]
"""Value at a place: the mean of the 4 pixels around it; a cubic through 16, for weights that are cut at a threshold,
since a mean moves the edges of small and thin things; for labels, which cannot be mixed, the one with the largest share
of the mean of 4; or, for values whose mean means nothing, the pixel there."""


@dataclass(frozen=True, eq=False)
class Warp:
    """A map from the pixels of a new picture to places in an old one.

    Example:
        >>> half = Warp.of(lambda points: points / 2.0, (8, 6), (4, 3))
        >>> half.labels(np.arange(12, dtype=np.int32).reshape(3, 4))[0].tolist()
        [0, 0, 1, 1, 2, 2, 3, 3]
    """

    places: np.ndarray
    """Places (R,C,2) float32 in the old picture."""

    step: int
    """Side of a cell in pixels of the new picture; 0: a place for each pixel."""

    size: tuple[int, int]
    """Width and height of the new picture."""

    old_size: tuple[int, int]
    """Width and height of the old picture."""

    def __post_init__(self) -> None:
        check_shapes(places=(self.places, "R C 2"))

    @classmethod
    def of(cls, place: Callable[[np.ndarray], np.ndarray], size: tuple[int, int], old_size: tuple[int, int]) -> Warp:
        """Return the warp by a function from points (P,2) of the new picture to places (P,2), NaN for none.

        The cells are the largest of `STEPS` in whose middles the places are exact.
        """
        for step in STEPS:
            corners = _continued(_grid(place, size, step, 0.0))
            if _error(_middles(corners), _grid(place, size, step, 0.5)[:-1, :-1]) <= EXACT:
                return cls(np.ascontiguousarray(corners, dtype=np.float32), step, size, old_size)
        centres = _grid(place, size, 1, 0.5)[:-1, :-1]
        return cls(np.ascontiguousarray(centres, dtype=np.float32), 0, size, old_size)

    def picture(self, old: np.ndarray) -> np.ndarray:
        """Return a new picture (H,W,C) or (H,W) of an old one, uint8 or float32: means of 4 pixels, 0 where none is."""
        old = np.ascontiguousarray(old)
        channels = old if old.ndim == 3 else old[:, :, None]
        found = np.empty((self.size[1], self.size[0], channels.shape[2]), old.dtype)
        from splatseg import _native  # noqa: PLC0415 (help texts import this module and need no kernels)

        warp = _native.warp_bytes if old.dtype == np.uint8 else _native.warp_floats
        warp(self.places, self.step, channels, found, 1)
        return found if old.ndim == 3 else found[:, :, 0]

    def cubic(self, old: np.ndarray) -> np.ndarray:
        """Return a new map (H,W) of an old one, float32, by a cubic through 16 pixels; 0 where none is."""
        from splatseg import _native  # noqa: PLC0415

        found = np.empty((self.size[1], self.size[0], 1), np.float32)
        _native.warp_cubic(self.places, self.step, np.ascontiguousarray(old)[:, :, None], found, 1)
        return found[:, :, 0]

    def labels(self, old: np.ndarray, nothing: int | bool = 0) -> np.ndarray:
        """Return a new map (H,W) of an old one, bool or integers that int32 holds, `nothing` where no pixel is.

        A pixel takes the label with the largest share of the 4 pixels around its place.
        """
        from splatseg import _native  # noqa: PLC0415

        found = np.empty((self.size[1], self.size[0]), np.int32)
        labels = np.ascontiguousarray(old.astype(np.int32, casting="safe", copy=False))
        _native.warp_labels(self.places, self.step, labels, int(nothing), found, 1)
        return found.astype(old.dtype, copy=False)

    def nearest(self, old: np.ndarray) -> np.ndarray:
        """Return a new picture (H,W) of an old one, of any type: the pixel at each place, 0 where none is."""
        found: np.ndarray = np.where(self.inside, old.ravel()[np.maximum(self._indices, 0)], old.dtype.type(0))
        return found

    def fetched(self, old: np.ndarray, fetch: Fetch) -> np.ndarray:
        """Return a new picture of an old one, with the values at each place that `fetch` says; 0 where none is."""
        ways = {"mean": self.picture, "cubic": self.cubic, "label": self.labels, "nearest": self.nearest}
        return ways[fetch](old)

    def extended(self, new: np.ndarray) -> np.ndarray:
        """Write into pixels (H,W) or (H,W,C) of a new picture that lie beside the old one the nearest that does not."""
        flat = new.reshape(self.size[0] * self.size[1], -1)
        beside, nearest = self._beside
        flat[beside] = flat[nearest]
        return new

    @cached_property
    def _beside(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the pixels without a place, and of the nearest pixel that has one, both (K,)."""
        from scipy.ndimage import distance_transform_edt  # noqa: PLC0415 (help texts import this module)

        beside = np.flatnonzero(~self.inside)
        if len(beside) in (0, self.inside.size):
            return beside, beside
        rows, columns = distance_transform_edt(~self.inside, return_distances=False, return_indices=True)
        return beside, (rows * self.size[0] + columns).ravel()[beside]

    @property
    def inside(self) -> np.ndarray:
        """Pixels (H,W) bool of the new picture that lie in the old one."""
        inside: np.ndarray = self._indices >= 0
        return inside

    @cached_property
    def _indices(self) -> np.ndarray:
        from splatseg import _native  # noqa: PLC0415

        found = np.empty((self.size[1], self.size[0]), np.int32)
        _native.warp_indices(self.places, self.step, self.old_size[1], self.old_size[0], found, 1)
        return found


def _grid(place: Callable[[np.ndarray], np.ndarray], size: tuple[int, int], step: int, offset: float) -> np.ndarray:
    """Return places (R,C,2) at the corners of cells that cover the new picture, `offset` cells to the lower right."""
    columns, rows = (-(-side // step) + 1 for side in size)
    x, y = np.meshgrid((np.arange(columns) + offset) * step, (np.arange(rows) + offset) * step)
    places: np.ndarray = place(np.stack([x.ravel(), y.ravel()], axis=1)).reshape(rows, columns, 2)
    return places


def _continued(corners: np.ndarray) -> np.ndarray:
    """Return corners with those that are not known, beside two that are, continued in a line.

    Cells at the border of what a lens sees, or of the picture, would be lost as a whole.
    """
    found = corners.copy()
    for axis in (0, 1):
        for way in (slice(None), slice(None, None, -1)):
            known, new = (np.swapaxes(a, 0, axis)[way] for a in (corners, found))
            lost = np.isnan(new[2:]) & ~np.isnan(known[1:-1] + known[:-2])
            np.copyto(new[2:], 2.0 * known[1:-1] - known[:-2], where=lost)
    return found


def _middles(corners: np.ndarray) -> np.ndarray:
    """Return what the native code takes for the places in the middles of the cells."""
    middles: np.ndarray = (corners[:-1, :-1] + corners[:-1, 1:] + corners[1:, :-1] + corners[1:, 1:]) / 4.0
    return middles


def _error(interpolated: np.ndarray, exact: np.ndarray) -> float:
    """Return the largest distance between places, of those that are known."""
    distances = np.linalg.norm(interpolated - exact, axis=2)
    return float(np.nanmax(distances, initial=0.0)) if np.isfinite(distances).any() else 0.0
