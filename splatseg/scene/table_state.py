"""A state of the table of segments, and what a keeper must know of the table that is kept."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from splatseg.segments.segment import Segment


@dataclass(frozen=True, eq=False)
class Labeling:
    """A state of the table: ids (N,) int32, not to be written to, and the row of every id that some Gaussian has."""

    ids: np.ndarray
    rows: Mapping[int, Segment]


class LiveTable(Protocol):
    """A table that is being edited. highest: the highest id ever given; lock: whoever reads or changes it holds it."""

    lock: threading.RLock

    @property
    def now(self) -> Labeling:
        """The present state."""

    @property
    def ids(self) -> np.ndarray:
        """Its ids (N,) int32."""

    @property
    def highest(self) -> int:
        """The highest id ever given."""

    def notify(self) -> None:
        """Tell everyone who listens."""
