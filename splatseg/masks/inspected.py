"""Masks inspected as they are read: masks that cannot be of the scene, whatever it shows, are told before they vote.

    copies    all masks of a view, two or more, are one and the same
    chain     all masks of a view, three or more, lie in one another: nothing tells one thing from another
    static    a mask is the same, pixel for pixel, in most views: a frame, a watermark, one view's file copied

Every mask has a fingerprint, the sums of two random numbers over its pixels and its area; equal masks have equal ones.
A mask of the whole picture says nothing and does no harm, so it is no static one.

Alphabet: H x W pixels; V views that have masks.
"""

from __future__ import annotations

from collections import Counter
from itertools import pairwise

import numpy as np

from splatseg.capture.view import View
from splatseg.masks.segments import Segments
from splatseg.masks.source import MaskSource

FEWEST = 3
"""Views of which most must show the same: of two views both may by chance."""

MANY = 0.5
"""Share of the views from which on masks are told."""

NUMBERS = 1 << 24
"""Random numbers are smaller, so sums over 2^28 pixels stay exact in float64."""

Print = tuple[int, int, int, int, int]
"""Fingerprint of a mask: H, W, area and two sums."""


class Inspected:
    """A source of masks that keeps a fingerprint of each mask that was read, some 100 bytes."""

    def __init__(self, masks: MaskSource) -> None:
        """Read from `masks`."""
        self._masks = masks
        self._prints: dict[str, list[Print]] = {}
        self._chains: set[str] = set()
        self._grid = np.zeros((2, 0, 0))

    def read(self, view: View) -> Segments | None:
        """Return what the source gives for a view. Raises as the source does."""
        segments = self._masks.read(view)
        if segments is not None and segments.count and view.name not in self._prints:
            self._prints[view.name] = self._fingerprints(segments)
            if _is_chain(segments):
                self._chains.add(view.name)
        return segments

    def troubles(self) -> list[str]:
        """Return a sentence on each trouble of the views that were read, with the number of views that have it."""
        views, told = len(self._prints), []
        if views < FEWEST:
            return []
        copies = sum(len(prints) > 1 and len(set(prints)) == 1 for prints in self._prints.values())
        if copies > MANY * views:
            told.append(f"all masks of a view are copies of one mask in {copies} of {views} views")
        elif len(self._chains) > MANY * views:
            told.append(f"all masks of a view lie in one another in {len(self._chains)} of {views} views")
        recurring = Counter(one for prints in self._prints.values() for one in set(prints))
        static = {one: times for one, times in recurring.items() if times > MANY * views and one[2] < one[0] * one[1]}
        if static:
            times = max(static.values())
            subject = "1 mask is" if len(static) == 1 else f"{len(static)} masks are"
            told.append(
                f"{subject} the same, pixel for pixel, in {times} of {views} views (a frame, a watermark, a copy)"
            )
        return [f"{text}, so they do not show the scene; give every view masks of its own" for text in told]

    def _fingerprints(self, segments: Segments) -> list[Print]:
        height, width = segments.height, segments.width
        if self._grid.shape[1:] != (height, width):
            rng = np.random.default_rng(0)
            self._grid = rng.integers(1, NUMBERS, (2, height, width)).astype(np.float64)
        sums = np.zeros((2, segments.count + 1))
        for layer in segments.layers:
            ids = layer.ravel()
            for row, numbers in enumerate(self._grid):
                sums[row] += np.bincount(ids, weights=numbers.ravel(), minlength=segments.count + 1)
        areas = segments.areas().tolist()
        return [(height, width, area, int(a), int(b)) for area, a, b in zip(areas, *sums[:, 1:], strict=True)]


def _is_chain(segments: Segments) -> bool:
    """Tell whether every mask lies in the next larger one. Masks that overlap all others have a layer each."""
    if segments.count < FEWEST or len(segments.layers) != segments.count:
        return False
    masks = sorted((layer > 0 for layer in segments.layers), key=lambda mask: int(mask.sum()))
    return all(not (smaller & ~larger).any() for smaller, larger in pairwise(masks))
