"""Segments of one view: a label map, or overlapping masks stored as a few label maps.

Alphabet: M masks, H x W pixels; layers are (H,W) int32 label maps; ids 1..count, each in exactly one layer, 0 = none.
Overlapping masks go into layers greedily, larger first, each into the first layer where it overlaps nothing. For
nested or disjoint masks (a tree) this takes as many layers as the tree is deep, which is the least possible.

During this search masks are bits: `packed` is (M, ceil(H*W / 8)), np.packbits over flattened masks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.resampling import nearest_pixels

MAX_BYTES = 1 << 31
"""Layers of one view that fill more come from masks that lie on one another hundredfold, copies or shells; the masks of
whole pictures that models make lie some ten deep."""

MOST_LAYERS = 1 << 12
"""Most layers of a view, however small it is: a new mask is compared with all of them."""

BAND = 1 << 20
"""Pixels whose ids are changed at once."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Segments 1..count of one view."""

    layers: tuple[np.ndarray, ...]
    """Label maps (H,W) int32, one or more; each id is in exactly one of them."""

    count: int
    """Number of segments."""

    scores: np.ndarray
    """Scores (count,), higher = more reliable; 1 if nothing is known."""

    ignored: np.ndarray | None = None
    """Pixels (H,W) bool that do not show the scene, unlike pixels of no segment; None if there are none."""

    source_of: np.ndarray | None = None
    """Number (count,) int32 of the source of each segment, ascending, if several were put together (`together`)."""

    weights: np.ndarray | None = None
    """Weights (count,) float32 of the segments, those of their sources; infinite for true masks; None: 1 for all."""

    def __post_init__(self) -> None:
        assert self.layers, "a view without segments has one layer of zeros"
        check_shapes(**{f"layer_{i}": (layer, "H W") for i, layer in enumerate(self.layers)})
        assert all(layer.dtype == np.int32 for layer in self.layers), [layer.dtype for layer in self.layers]
        assert self.scores.shape == (self.count,), (self.scores.shape, self.count)
        assert self.ignored is None or self.ignored.shape == self.layers[0].shape, self.ignored.shape
        assert self.source_of is None or (np.diff(self.source_of) >= 0).all(), "sources follow one another"
        for values in (self.source_of, self.weights):
            assert values is None or values.shape == (self.count,), (values.shape, self.count)

    @property
    def height(self) -> int:
        """H, pixels."""
        return int(self.layers[0].shape[0])

    @property
    def width(self) -> int:
        """W, pixels."""
        return int(self.layers[0].shape[1])

    @cached_property
    def _layer_areas(self) -> np.ndarray:
        """Pixels of every segment in every layer, (L, count); a segment has all its pixels in one layer."""
        return np.stack([np.bincount(layer.ravel(), minlength=self.count + 1)[1:] for layer in self.layers])

    def areas(self) -> np.ndarray:
        """Return the number of pixels of segments 1, 2, ...: (count,) int64."""
        areas: np.ndarray = self._layer_areas.sum(axis=0)
        return areas

    def layer_of(self) -> np.ndarray:
        """Return the layer of each segment: (count,) int32."""
        layers: np.ndarray = self._layer_areas.argmax(axis=0).astype(np.int32)
        return layers

    def mask(self, segment_id: int) -> np.ndarray:
        """Return the mask (H,W) bool of one segment. Raises ValueError for an unknown id."""
        if not 1 <= segment_id <= self.count:
            raise ValueError(f"segment ids are 1..{self.count}, got {segment_id}")
        mask: np.ndarray = self.layers[int(self._layer_areas[:, segment_id - 1].argmax())] == segment_id
        return mask

    def resized(self, width: int, height: int) -> Segments:
        """Return the same segments at width x height: each new pixel takes the old pixel under its centre.

        Segments without a new pixel are dropped, and the ids made consecutive.
        """
        if (width, height) == (self.width, self.height):
            return self
        resized = _compacted([nearest_pixels(layer, height, width) for layer in self.layers], self)
        if self.ignored is None:
            return resized
        return replace(resized, ignored=nearest_pixels(self.ignored, height, width))

    def mapped(self, as_seen: Callable[[np.ndarray], np.ndarray]) -> Segments:
        """Return the segments whose label maps a function has fetched pixel by pixel, as another camera sees them.

        as_seen: from a label map (H,W) to one of any size with no other ids; it may return the same array.
        """
        layers = [as_seen(layer) for layer in self.layers]
        if all(layer is old for layer, old in zip(layers, self.layers, strict=True)):
            return self
        mapped = _compacted(layers, self)
        return mapped if self.ignored is None else replace(mapped, ignored=as_seen(self.ignored))

    def without(self, ignored: np.ndarray) -> Segments:
        """Return the segments without `ignored` pixels (H,W) bool. Segments without a pixel left are dropped."""
        left = _compacted([np.where(ignored, 0, layer) for layer in self.layers], self)
        return replace(left, ignored=ignored)

    def flattened(self) -> np.ndarray:
        """Return one label map (H,W) int32: where segments overlap, the smallest is visible."""
        size_of = np.concatenate([[np.iinfo(np.int64).max], self.areas()])
        # Id 0 counts as larger than any segment, so that any segment covers it.
        flat, smallest = self.layers[0], size_of[self.layers[0]]
        for layer in self.layers[1:]:
            size = size_of[layer]
            flat, smallest = np.where(size < smallest, layer, flat), np.minimum(size, smallest)
        return flat


def from_label_map(label_map: np.ndarray) -> Segments:
    """Return the segments of a map (H,W) of integers or booleans. Raises ValueError for other types.

    Values of 0 and below are no segment; the others become 1, 2, ... in order.
    """
    check_shapes(label_map=(label_map, "H W"))
    if label_map.dtype.kind not in "biu":
        raise ValueError(f"a label map holds integers, got {label_map.dtype}")
    labels = label_map.astype(np.uint8) if label_map.dtype.kind == "b" else label_map
    if labels.size and labels.max() >= 1 << 22:  # the table of `_compacted` over all values would be too large
        values, labels = np.unique(labels, return_inverse=True)
        labels = np.where(values > 0, np.cumsum(values > 0), 0)[labels].reshape(label_map.shape)
    if labels.dtype != np.int32 or labels.min(initial=0) < 0:
        labels = labels.clip(min=0).astype(np.int32)
    return _compacted([labels], None)


def from_masks(masks: np.ndarray, scores: np.ndarray | None = None, most: int = MAX_BYTES) -> Segments:
    """Return the segments of masks (M,H,W) bool that may overlap. Empty masks are dropped; others keep their order."""
    check_shapes(masks=(masks, "M H W"))
    flat = masks.reshape(len(masks), masks.shape[1] * masks.shape[2])
    return from_packed(np.packbits(flat, axis=1), masks.shape[1], masks.shape[2], scores, most)


def from_packed(
    packed: np.ndarray, height: int, width: int, scores: np.ndarray | None = None, most: int = MAX_BYTES
) -> Segments:
    """Return the segments of masks as bits, (M, ceil(H*W / 8)) uint8. Empty masks are dropped; others keep their order.

    scores (M,), or None for 1. Raises ValueError for masks that lie on one another so deep that their layers take more
    bytes than `most` or `MAX_BYTES`, or are more than `MOST_LAYERS`.
    """
    sizes = check_shapes(packed=(packed, f"M {(height * width + 7) // 8}"))
    scores = np.ones(sizes["M"], np.float32) if scores is None else np.asarray(scores, np.float32)
    check_shapes(packed=(packed, "M B"), scores=(scores, "M"))
    # 64 pixels a word: overlaps are tested and layers filled a word at a time.
    words = _words(packed, height * width)
    areas = np.bitwise_count(words).sum(axis=1, dtype=np.int64)
    kept = np.flatnonzero(areas)
    # Ids follow the order of the masks; layers are filled in order of size.
    ids = np.zeros(len(packed), np.int32)
    ids[kept] = np.arange(1, len(kept) + 1)
    occupied = np.zeros((8, words.shape[1]), np.uint64)
    layers: list[np.ndarray] = []
    for m in kept[np.argsort(-areas[kept], kind="stable")]:
        # Only words from the first to the last that the mask touches are tested.
        span = np.flatnonzero(words[m])
        first, last = span[0], span[-1] + 1
        bits = words[m, first:last]
        overlaps = (occupied[: len(layers), first:last] & bits).any(axis=1)
        # argmin of booleans is the first false: the first layer without an overlap, else a new layer.
        place = int(np.argmin(overlaps)) if not overlaps.all() else len(layers)
        if place == len(layers):
            if place >= MOST_LAYERS or 4 * height * width * (place + 1) > min(most, MAX_BYTES):
                raise ValueError(
                    f"over {place} of its {len(kept)} masks lie on one another; leave out those that are nearly equal"
                )
            layers.append(np.zeros(height * width, np.int32))
            if place == len(occupied):  # doubled, so that growing costs little in all
                occupied = np.concatenate([occupied, np.zeros_like(occupied)])
        occupied[place, first:last] |= bits
        pixels = layers[place][first * 64 : last * 64]
        # The last word may reach beyond the last pixel, where its bits are 0.
        inside = np.unpackbits(bits.view(np.uint8), count=len(pixels)).view(bool)
        np.copyto(pixels, ids[m], where=inside)
    layers = layers or [np.zeros(height * width, np.int32)]
    return Segments(tuple(layer.reshape(height, width) for layer in layers), len(kept), scores[kept])


def _words(packed: np.ndarray, pixels: int) -> np.ndarray:
    """Return the same bits as words (M, ceil(pixels / 64)) uint64; bits beyond the last pixel are cleared."""
    padded = np.zeros((len(packed), (pixels + 63) // 64 * 8), np.uint8)
    padded[:, : packed.shape[1]] = packed
    if pixels % 8:  # np.packbits puts the first pixel into the highest bit, so the low bits are beyond the last pixel
        padded[:, pixels // 8] &= (0xFF00 >> (pixels % 8)) & 0xFF
    return padded.view(np.uint64)


def together(sources: Sequence[Segments], weights: Sequence[float]) -> Segments:
    """Return the segments of several sources of masks of one view, source by source, each with its source's weight.

    All must have the same size and the same ignored pixels.
    """
    assert sources and len(sources) == len(weights), (len(sources), len(weights))
    counts = [segments.count for segments in sources]
    before = np.concatenate([[0], np.cumsum(counts)[:-1]])
    layers = [
        np.where(layer > 0, layer + first, 0).astype(np.int32)
        for segments, first in zip(sources, before.tolist(), strict=True)
        for layer in segments.layers
    ]
    return Segments(
        tuple(layers),
        sum(counts),
        np.concatenate([segments.scores for segments in sources]),
        sources[0].ignored,
        np.repeat(np.arange(len(sources), dtype=np.int32), counts),
        np.repeat(np.asarray(weights, np.float32), counts),
    )


def _compacted(layers: list[np.ndarray], old: Segments | None) -> Segments:
    """Return segments with consecutive ids from label maps >= 0 with one common numbering.

    old: the segments whose ids these are, for scores, sources and weights.
    """
    top = max((int(layer.max()) for layer in layers if layer.size), default=0)
    used = np.zeros(top + 1, bool)
    for layer in layers:
        for band in _bands(layer):
            used[band] = True
    used[0] = False
    # A table from old ids to new ids: used ids are numbered in order, all others are 0.
    new_id = np.where(used, np.cumsum(used), 0).astype(np.int32)
    kept = np.flatnonzero(used) - 1
    relabelled = [np.empty(layer.shape, np.int32) for layer in layers]
    for layer, new in zip(layers, relabelled, strict=True):
        for band, out in zip(_bands(layer), _bands(new), strict=True):
            out[:] = new_id[band]
    shown = tuple([layer for layer in relabelled if layer.any()] or relabelled[:1])
    if old is None:
        return Segments(shown, len(kept), np.ones(len(kept), np.float32))
    of_kept = [None if values is None else values[kept] for values in (old.source_of, old.weights)]
    return Segments(shown, len(kept), old.scores[kept], None, *of_kept)


def _bands(layer: np.ndarray) -> Iterator[np.ndarray]:
    """Yield views of (H,W) by bands of rows: numpy makes an index of 64 bits of what it looks up in a table."""
    step = max(1, BAND // max(1, layer.shape[1]))
    return (layer[start : start + step] for start in range(0, len(layer), step))
