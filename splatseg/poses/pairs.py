"""The pairs of photographs whose features are matched: all of them, neighbours of a film, or those that look alike.

Matching takes a second a pair on one core, and V photographs have V (V - 1) / 2 pairs: beyond `EXHAUSTIVE` only the
`ALIKE` that look most alike are matched with each photograph. A film is matched with its next frames, with frames 2^k
further on, and with those that look alike, which closes loops.

Looks are compared by VLAD: descriptors (D,128) of all photographs make `WORDS` words (k-means); a photograph is the sum
of the differences between its descriptors and their words, normalised by word and as a whole; the likeness of two is
their scalar product. No trained vocabulary is needed.

Source: Jegou et al. 2010 (VLAD); Arandjelovic and Zisserman 2013 (normalisation by word).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

import numpy as np

from splatseg.spread import spread

EXHAUSTIVE = 150
"""Most photographs of which all pairs are matched: 11,175 pairs."""

ALIKE = 30
"""Photographs that look most like one, with which it is matched."""

NEXT = 10
"""Next frames of a film with which a frame is matched."""

WORDS = 64
"""Words of descriptors."""

DESCRIPTORS = 512
"""Descriptors of a photograph that its look is made of, spread evenly over the list."""

ROUNDS = 12
"""Rounds of k-means."""


def usual_matching(count: int) -> Literal["exhaustive", "alike"]:
    """Return how `count` photographs that are no film are matched: "exhaustive", or "alike" if they are many."""
    return "exhaustive" if count <= EXHAUSTIVE else "alike"


def all_pairs(count: int) -> list[tuple[int, int]]:
    """Return all pairs (i, j), i < j, of `count` photographs."""
    return [(i, j) for i in range(count) for j in range(i + 1, count)]


def film_pairs(count: int) -> list[tuple[int, int]]:
    """Return the pairs of frames of a film that follow one another, and those 2^k apart."""
    steps = [*range(1, NEXT + 1), *(2**k for k in range(4, 31) if 2**k < count)]
    return sorted({(i, i + step) for i in range(count) for step in steps if i + step < count})


def alike_pairs(descriptors: Sequence[np.ndarray], most: int = ALIKE, apart: int = 0) -> list[tuple[int, int]]:
    """Return each photograph with those that look most like it; descriptors: (D,128) of each photograph.

    apart: photographs whose numbers differ by no more are left out.
    """
    rows = looks(descriptors)
    likeness: np.ndarray = rows @ rows.T
    count = len(likeness)
    far = np.abs(np.arange(count)[:, None] - np.arange(count)) > apart
    likeness = np.where(far, likeness, -np.inf)
    order = np.argsort(-likeness, axis=1, kind="stable")[:, :most]
    return sorted(
        {(min(i, j), max(i, j)) for i in range(count) for j in order[i].tolist() if np.isfinite(likeness[i, j])}
    )


def looks(descriptors: Sequence[np.ndarray]) -> np.ndarray:
    """Return unit vectors (V, WORDS * 128) of photographs, zeros for one without descriptors."""
    some = [_some(rows) for rows in descriptors]
    words = _words(np.concatenate(some) if some else np.zeros((0, 128), np.float32))
    return np.stack([_look(rows, words) for rows in some])


def _some(rows: np.ndarray) -> np.ndarray:
    # Square roots weigh a descriptor's large entries less (RootSIFT).
    return np.sqrt(np.asarray(rows[spread(range(len(rows)), DESCRIPTORS)], np.float32))


def _words(rows: np.ndarray) -> np.ndarray:
    """Return the centres (W,128) of k-means, W <= WORDS; the same for the same rows."""
    if len(rows) == 0:
        return np.zeros((1, 128), np.float32)
    centres: np.ndarray = rows[spread(range(len(rows)), WORDS)]
    for _ in range(ROUNDS):
        nearest = _nearest(rows, centres)
        sums = np.zeros_like(centres)
        np.add.at(sums, nearest, rows)
        counts = np.bincount(nearest, minlength=len(centres))
        used = counts > 0
        centres[used] = sums[used] / counts[used, None]
    return centres


def _nearest(rows: np.ndarray, centres: np.ndarray) -> np.ndarray:
    found: np.ndarray = (2.0 * rows @ centres.T - (centres * centres).sum(axis=1)).argmax(axis=1)
    return found


def _look(rows: np.ndarray, words: np.ndarray) -> np.ndarray:
    look = np.zeros_like(words)
    nearest = _nearest(rows, words)
    np.add.at(look, nearest, rows - words[nearest])
    look /= np.maximum(np.linalg.norm(look, axis=1, keepdims=True), 1e-12)
    norm = np.linalg.norm(look)
    flat: np.ndarray = look.ravel() / max(float(norm), 1e-12)
    return flat


def chosen_pairs(matching: str, count: int, descriptors: Callable[[], Sequence[np.ndarray]]) -> list[tuple[int, int]]:
    """Return the pairs of a way of matching: "exhaustive", "sequential" (a film) or "alike"."""
    if matching == "exhaustive":
        return all_pairs(count)
    if matching == "sequential":
        return sorted({*film_pairs(count), *alike_pairs(descriptors(), ALIKE // 3, NEXT)})
    return alike_pairs(descriptors())
