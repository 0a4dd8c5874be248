"""Disturbances of masks, as text: a folder of masks and what is done to them.

    masks_sim,drop=0.3,views=16      FOLDER[,NAME=VALUE ...]

    drop=P         each mask is missing with probability P
    merge=P        each mask joins a neighbour of its layer with probability P
    big=1          each view has one mask more: the convex hull of all things in it
    level=small    of nested masks only those that hold no other mask; level=large: only those that lie in no other
    views=N        masks of N evenly spread training views only
    scores=shuffled   each view's scores are dealt to its masks anew
    true=N         in N evenly spread training views the true instances, as true masks, instead of the masks

They are applied in this order: level, merge, drop, big, scores, true. The same seed gives the same masks.

Alphabet: M masks of a view, H x W pixels; ids 1..M, 0 = none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import ndimage, sparse

from splatseg.capture.view import View
from splatseg.masks.segments import Segments, from_masks

LEVELS = ("small", "large")

INSIDE = 0.9
"""Share of a mask that lies in a larger one from which on it is inside: edges of masks wobble by a pixel or two, which
of a small mask is a tenth."""


@dataclass(frozen=True)
class Masking:
    """A folder of masks and their disturbances."""

    folder: str
    """Name of the folder; `clean` stands for the true instances, `proposals` for those made from the images."""
    drop: float = 0.0
    """Probability that a mask is missing."""
    merge: float = 0.0
    """Probability that a mask joins a neighbour."""
    big: bool = False
    """One big mask more in each view."""
    level: str | None = None
    """`small` or `large`: one level of nested masks only."""
    views: int | None = None
    """Number of views that have masks; None: all."""
    shuffled: bool = False
    """Scores are dealt anew."""
    true: int = 0
    """Number of views that have true masks."""

    @classmethod
    def of(cls, text: str) -> Masking:
        """Read `FOLDER[,NAME=VALUE ...]`. Raises ValueError for a disturbance or a value that does not exist."""
        folder, *changes = text.split(",")
        given: dict = {}
        for change in changes:
            name, _, value = change.partition("=")
            try:
                key, of_text = _READ[name]
                given[key] = of_text(value)
            except (KeyError, ValueError):
                known = ", ".join(f"{known}={example}" for known, example in EXAMPLES.items())
                raise ValueError(f"'{change}' in '{text}' is no disturbance of masks; known are {known}") from None
        return cls(folder, **given)

    def views_of(self, views: Sequence[View]) -> list[View]:
        """The views, of all in order, that have masks: `self.views` of them, evenly spread."""
        if self.views is None:
            return list(views)
        return [views[i] for i in np.linspace(0, len(views) - 1, min(self.views, len(views))).round().astype(int)]

    def true_views_of(self, views: Sequence[View]) -> list[View]:
        """The views, of all in order, that have true masks: `self.true` of them, evenly spread, not at the ends."""
        return [views[i] for i in np.linspace(0, len(views) - 1, self.true + 2)[1:-1].round().astype(int)]

    def apply(self, segments: Segments, rng: np.random.Generator, hull: np.ndarray | None) -> Segments:
        """Disturb the masks of one view; hull (H,W) bool is the mask that `big` adds, None if there is nothing."""
        if self.level is not None:
            segments = of_level(segments, self.level)
        if self.drop or self.merge:
            layers = [disturbed_map(layer, rng, self.drop, self.merge) for layer in segments.layers]
            segments = _remade(dataclasses.replace(segments, layers=tuple(layers)))
        if self.big and hull is not None:
            segments = _remade(segments, hull)
        if self.shuffled:
            segments = dataclasses.replace(segments, scores=rng.permutation(segments.scores))
        return segments


def _share(text: str) -> float:
    share = float(text)
    if not 0.0 <= share <= 1.0:
        raise ValueError(text)
    return share


def _count(text: str) -> int:
    count = int(text)
    if count < 1:
        raise ValueError(text)
    return count


def _one_of(*values: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in values:
            raise ValueError(text)
        return text

    return read


_READ = {
    "drop": ("drop", _share),
    "merge": ("merge", _share),
    "big": ("big", lambda text: bool(_share(text))),
    "level": ("level", _one_of(*LEVELS)),
    "views": ("views", _count),
    "scores": ("shuffled", lambda text: bool(_one_of("shuffled")(text))),
    "true": ("true", _count),
}
"""Field of `Masking` and reader of its value, by the name of the disturbance."""

EXAMPLES = {
    "drop": "0.3",
    "merge": "0.2",
    "big": "1",
    "level": "small|large",
    "views": "16",
    "scores": "shuffled",
    "true": "3",
}


def disturbed_map(labels: np.ndarray, rng: np.random.Generator, drop: float, merge: float) -> np.ndarray:
    """A label map (H,W), 0 = none, in which each label joins a neighbour with probability `merge` and is then missing
    with probability `drop`."""
    out = labels.copy()
    for label in np.unique(labels[labels > 0]):
        if rng.random() < merge:
            around = np.unique(labels[ndimage.binary_dilation(labels == label, iterations=3)])
            around = around[(around > 0) & (around != label)]
            if len(around):
                out[labels == label] = rng.choice(around)
    for label in np.unique(out[out > 0]):
        if rng.random() < drop:
            out[out == label] = 0
    return out


def lies_in(segments: Segments) -> np.ndarray:
    """(M,M) bool: [a, b] is True if mask a lies in mask b, which is larger; of two of one size the first is taken for
    the larger."""
    pixels = segments.height * segments.width
    shown = [(layer.ravel()[at] - 1, at) for layer in segments.layers for at in [np.flatnonzero(layer.ravel())]]
    rows, columns = (np.concatenate(part) for part in zip(*shown, strict=True))
    # A matrix (M, pixels) of ones: its product with itself counts the pixels that two masks share.
    ones = np.ones(len(rows), dtype=np.int32)
    masks = sparse.csr_array((ones, (rows, columns)), shape=(segments.count, pixels))
    shared, areas = (masks @ masks.T).toarray(), segments.areas()
    order = np.lexsort((-np.arange(segments.count), areas)).argsort()
    inside: np.ndarray = (shared >= INSIDE * areas[:, None]) & (order[:, None] < order[None])
    return inside


def of_level(segments: Segments, level: str) -> Segments:
    """The masks that hold no other mask (`small`), or that lie in no other (`large`)."""
    inside = lies_in(segments)
    kept = ~inside.any(0) if level == "small" else ~inside.any(1)
    layers = tuple(np.where(np.append(False, kept)[layer], layer, 0) for layer in segments.layers)
    return _remade(dataclasses.replace(segments, layers=layers))


def _remade(segments: Segments, more: np.ndarray | None = None) -> Segments:
    """Segments whose ids close up again, with one more mask (H,W) bool of the highest score."""
    found = [(layer == i, segments.scores[i - 1]) for layer in segments.layers for i in np.unique(layer[layer > 0])]
    if more is not None:
        found.append((more, max(segments.scores, default=1.0)))
    masks = np.array([mask for mask, _ in found], dtype=bool).reshape(len(found), segments.height, segments.width)
    made = from_masks(masks, np.array([score for _, score in found], dtype=np.float32))
    return made if segments.ignored is None else dataclasses.replace(made, ignored=segments.ignored)
