"""A state of the table of segments, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from splatseg.segments.segment import Segment


@dataclass(frozen=True, eq=False)
class Labeling:
    """A state of the table: which Gaussians belong to which segment, and a row a segment."""

    ids: np.ndarray
    """(N,) int32, the segment of every Gaussian, 0 = none; not to be written to."""
    rows: Mapping[int, Segment]
    """The row of every id that some Gaussian has."""
