"""Which segments touch."""

from __future__ import annotations

import numpy as np

from splatseg.cluster.touching import touching_segments


def line(places: np.ndarray) -> np.ndarray:
    return np.stack([places, np.zeros_like(places), np.zeros_like(places)], axis=1)


def test_neighbours_on_a_line_touch_and_others_do_not() -> None:
    ids = np.repeat([3, 1, 2, 0], 30)
    assert touching_segments(ids, line(np.arange(120.0))) == [(1, 2), (1, 3)]


def test_what_is_nowhere_or_alone_touches_nothing() -> None:
    means = line(np.arange(40.0))
    assert touching_segments(np.repeat([1, 2], 20), np.full_like(means, np.nan)) == []
    assert touching_segments(np.zeros(40, dtype=np.int32), means) == []
    assert touching_segments(np.ones(1, dtype=np.int32), means[:1]) == []
