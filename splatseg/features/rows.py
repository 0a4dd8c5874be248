"""Features that need not be in memory: whoever clusters them asks for some rows at a time.

A row is the same to the bit whichever rows are asked for with it.

Alphabet: N Gaussians; F features.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch

from splatseg.machine import mapped

CACHED = 1 << 30
"""Bytes of features that are kept in memory beside a splat that is there too: those of four million Gaussians."""


class FeatureRows(Protocol):
    """Features (N,F) float32, some rows at a time."""

    @property
    def shape(self) -> tuple[int, int]:
        """(N,F)."""
        ...

    def rows(self, begin: int, end: int) -> np.ndarray:
        """Return rows begin to end - 1, (n,F) float32; not to be written to."""
        ...

    def picked(self, numbers: np.ndarray) -> np.ndarray:
        """Return the rows `numbers` (n,) int32 in their order, (n,F) float32; not to be written to."""
        ...


class InMemory:
    """The rows of an array (N,F)."""

    def __init__(self, features: np.ndarray) -> None:
        self._features = np.asarray(features, dtype=np.float32)
        self.shape: tuple[int, int] = (features.shape[0], features.shape[1])

    def rows(self, begin: int, end: int) -> np.ndarray:
        """Return rows begin to end - 1."""
        return self._features[begin:end]

    def picked(self, numbers: np.ndarray) -> np.ndarray:
        """Return the rows `numbers`."""
        found: np.ndarray = self._features[numbers]
        return found


class Some:
    """Some rows of other features, as rows 0, 1, ...: `numbers` (n,) int32, rising."""

    def __init__(self, features: FeatureRows, numbers: np.ndarray) -> None:
        self._features, self._numbers = features, numbers
        self.shape: tuple[int, int] = (len(numbers), features.shape[1])

    def rows(self, begin: int, end: int) -> np.ndarray:
        """Return rows begin to end - 1."""
        return self._features.picked(self._numbers[begin:end])

    def picked(self, numbers: np.ndarray) -> np.ndarray:
        """Return the rows `numbers`."""
        return self._features.picked(self._numbers[numbers])


class Unit:
    """The rows of other features (N,F), scaled to unit length."""

    def __init__(self, features: FeatureRows) -> None:
        self._features = features
        self.shape: tuple[int, int] = features.shape

    def rows(self, begin: int, end: int) -> np.ndarray:
        """Return rows begin to end - 1."""
        return unit(torch.from_numpy(self._features.rows(begin, end)))

    def picked(self, numbers: np.ndarray) -> np.ndarray:
        """Return the rows `numbers`."""
        return unit(torch.from_numpy(self._features.picked(numbers)))


def unit(features: torch.Tensor) -> np.ndarray:
    """Return features (N,F) scaled to unit length; rows of zeros stay zero."""
    scaled: np.ndarray = torch.nn.functional.normalize(features, dim=1).numpy()
    return scaled


def in_memory(features: FeatureRows, most: int = CACHED) -> FeatureRows:
    """Return features that are made whenever they are asked for as an array, if it has at most so many bytes."""
    count, channels = features.shape
    return features if 4 * count * channels > most else InMemory(gathered(features))


def gathered(features: FeatureRows) -> np.ndarray:
    """Return all features as an array (N,F) float32."""
    found = np.empty(features.shape, dtype=np.float32)
    for rows, some in blocks(features):
        found[rows] = some
    return found


def as_rows(features: FeatureRows | np.ndarray) -> FeatureRows:
    """Return features by rows: an array (N,F) as it is."""
    return InMemory(features) if isinstance(features, np.ndarray) else features


def blocks(features: FeatureRows) -> Iterator[tuple[slice, np.ndarray]]:
    """Yield all rows block by block: their range, and the features (n,F)."""
    for rows in mapped.ranges(features.shape[0]):
        yield rows, features.rows(rows.start, rows.stop)
