"""Sampled pixels of the masks of every view, and their blending weights, which are kept while the geometry stays.

Every mask gets pixels in proportion to the square root of its area and at least FEWEST_PIXELS, so that small masks
count too; a pixel under nested masks may be drawn for each of them. Pixels of a mask are spread over it: of its area A
in scan order, the j-th of n lies at (j + u) A / n, u uniform in 0..1. Round r of R takes those with j = r mod R.

Alphabet: M masks of all views, as the votes have them; P pixels; V views with masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splatseg.capture.view import View
from splatseg.features.contrast.consensus import RELATED
from splatseg.features.contrast.settings import ContrastSettings
from splatseg.masks.segments import Segments
from splatseg.masks.source import MaskSource
from splatseg.raster.interface import PixelPlan, prepare, prepare_pixels
from splatseg.splats.splats import Splats
from splatseg.votes.votes import Votes

FEWEST_PIXELS = 4
"""Pixels of a mask in a round at least, however many masks a view has."""

PIXELS = 1
"""Purpose of random numbers: the sampled pixels."""


@dataclass(frozen=True, eq=False)
class Sample:
    """Sampled pixels of one view."""

    plan: PixelPlan
    """The pixels with their blending weights."""
    masks: Tensor
    """(P,) int64, the mask, a column of the votes, that each pixel was drawn for."""
    related: Tensor
    """(K,K) bool: overlapping pairs of the K masks that occur in `masks`, in ascending order."""


class SampledViews:
    """The sampled views whose masks have a weight.

    Blending weights are kept as long as they fit into `settings.memory`.
    """

    def __init__(
        self,
        splats: Splats,
        views: Sequence[View],
        masks: MaskSource,
        votes: Votes,
        counts: np.ndarray,
        settings: ContrastSettings,
    ) -> None:
        """Read every view's masks once and draw pixels for the masks in counts (M,) bool."""
        self._geometry = splats.geometry
        self._settings = settings
        self._kept: dict[tuple[int, int], Sample] = {}
        self._uses: list[int] = []
        self._columns: list[int] = []
        self._related: list[np.ndarray] = []
        self._views: list[View] = []
        self._drawn: list[tuple[np.ndarray, np.ndarray]] = []
        number = {name: view for view, name in enumerate(votes.views)}
        for view in views:
            segments = masks.read(view) if view.name in number else None
            if segments is not None:
                column = int(np.searchsorted(votes.view_of, number[view.name]))
                drawn = self._draw(segments, counts[column : column + segments.count], number[view.name])
                if len(drawn[0]):
                    self._views.append(view)
                    self._drawn.append((drawn[0], drawn[1] + column))
                    self._columns.append(column)
                    self._related.append(_overlapping(segments))
                    self._uses.append(0)

    def __len__(self) -> int:
        """Return V, the number of views with a mask in `counts`."""
        return len(self._views)

    def next(self, view: int) -> Sample:
        """Return a sample of view 0..V-1: the same for `uses` calls, then that of the next round."""
        settings = self._settings
        turn = self._uses[view] // settings.uses % settings.rounds
        self._uses[view] += 1
        if (view, turn) not in self._kept:
            sample = self._weighed(view, turn)
            while self._kept and self._size() + sample.plan.size > settings.memory:
                del self._kept[next(iter(self._kept))]  # the oldest
            self._kept[view, turn] = sample
        return self._kept[view, turn]

    def _size(self) -> int:
        return sum(sample.plan.size for sample in self._kept.values())

    def _weighed(self, view: int, turn: int) -> Sample:
        pixels, masks = (values[turn :: self._settings.rounds] for values in self._drawn[view])
        width = self._views[view].camera.width
        places = torch.from_numpy(np.stack([pixels % width, pixels // width], axis=1))
        plan = prepare(*self._geometry, self._views[view].camera)
        present = np.unique(masks)
        related = self._related[view][np.ix_(present - self._columns[view], present - self._columns[view])]
        return Sample(prepare_pixels(plan, places), torch.from_numpy(masks), torch.from_numpy(related))

    def _draw(self, segments: Segments, counts: np.ndarray, view: int) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels (P,) as y * W + x and their masks (P,) 0, 1, ... of the view, rounds interleaved."""
        settings = self._settings
        rng = np.random.default_rng([settings.seed, PIXELS, view])
        layers = segments.layers if settings.nested else (segments.flattened(),)
        wanted = settings.pixels_a_view * settings.rounds
        draw = _of_every_mask if settings.stratified else _evenly
        return draw([layer.ravel() for layer in layers], counts, wanted, settings.rounds, rng)


def _of_every_mask(
    layers: list[np.ndarray], counts: np.ndarray, wanted: int, rounds: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    tables = [_by_label(layer, len(counts)) for layer in layers]
    roots = np.sqrt(np.sum([areas[1:] for _, areas in tables], axis=0) * counts)
    numbers = np.maximum(wanted / rounds * roots / max(roots.sum(), 1.0), FEWEST_PIXELS).astype(np.int64) * rounds
    pixels, masks = [], []
    for order, areas in tables:
        first = np.cumsum(areas) - areas  # of each label in `order`
        for mask in np.flatnonzero(counts & (areas[1:] > 0)):
            area, each = areas[mask + 1], numbers[mask]
            # The mask's pixels in scan order are cut into equal stretches with one random pixel from each: even and
            # random. A round takes every rounds-th of them, so it is spread over the whole mask as well.
            place = ((np.arange(each) + rng.random(each)) * (area / each)).astype(np.int64)
            pixels.append(order[first[mask + 1] + np.minimum(place, area - 1)])
            masks.append(np.full(each, mask))
    return _joined(pixels), _joined(masks)


def _evenly(
    layers: list[np.ndarray], counts: np.ndarray, wanted: int, rounds: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    del rounds  # pixels drawn in random order need no interleaving
    counted = np.concatenate([[False], counts])
    pixels = _joined([np.flatnonzero(counted[layer]) for layer in layers])
    masks = _joined([layer[counted[layer]] - 1 for layer in layers])
    chosen = rng.choice(len(pixels), min(wanted, len(pixels)), replace=False)
    return pixels[chosen], masks[chosen].astype(np.int64)


def _overlapping(segments: Segments) -> np.ndarray:
    """Return (count,count) bool: pairs of masks with RELATED of the smaller in the other, and the diagonal."""
    count = segments.count + 1
    related = np.zeros((count, count), bool)
    areas = np.concatenate([[1], segments.areas()])
    for i, first in enumerate(segments.layers):
        for second in segments.layers[:i]:
            # A pair of labels at a pixel is one number in base `count`, so one bincount gives all intersections.
            shared = np.bincount(first.ravel().astype(np.int64) * count + second.ravel(), minlength=count * count)
            share = shared.reshape(count, count) / np.minimum(areas[:, None], areas[None])
            related |= (share >= RELATED) | (share >= RELATED).T
    np.fill_diagonal(related, True)
    return related[1:, 1:]


def _by_label(layer: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the pixels sorted by label, in scan order within each, and the area of labels 0..count."""
    # numpy sorts 16-bit integers by radix.
    keys = layer.astype(np.uint16) if count < 1 << 16 else layer
    return np.argsort(keys, kind="stable"), np.bincount(layer, minlength=count + 1)


def _joined(parts: list[np.ndarray]) -> np.ndarray:
    return np.concatenate(parts).astype(np.int64) if parts else np.zeros(0, np.int64)
