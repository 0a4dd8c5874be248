"""Segments that touch in space."""

from __future__ import annotations

import numpy as np
import pytest

from splatseg.cluster.components import touching_gaussians
from splatseg.cluster.touching import touching_segments


def cubes(*corners: float, scale: float = 1.0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unit cubes of Gaussians in a row, at x = corners; their means, reach and ids 1, 2, ..."""
    rng = np.random.default_rng(0)
    means = np.concatenate([rng.random((300, 3)) + np.array([corner, 0.0, 0.0]) for corner in corners])
    ids = np.repeat(np.arange(1, len(corners) + 1), 300).astype(np.int32)
    return scale * means, np.full(len(means), 0.03 * scale), ids


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_what_is_side_by_side_touches_and_what_is_apart_does_not(scale: float) -> None:
    means, reach, ids = cubes(0.0, 1.0, 2.0, 9.0, scale=scale)
    assert touching_segments(touching_gaussians(means, reach), ids) == [(1, 2), (2, 3)]


def test_fewer_contacts_than_a_few_make_nothing_touch() -> None:
    ids = np.array([1, 1, 1, 2, 2, 2], np.int32)
    one, other = np.array([0, 1, 2]), np.array([3, 4, 5])
    both_ways = np.concatenate([one, other]), np.concatenate([other, one])
    assert touching_segments(both_ways, ids) == [(1, 2)]
    assert touching_segments((both_ways[0][:5], both_ways[1][:5]), ids) == []


def test_what_has_no_segment_or_no_place_touches_nothing() -> None:
    means, reach, ids = cubes(0.0, 1.0)
    assert touching_segments(touching_gaussians(means, reach), np.where(ids == 2, 0, ids)) == []
    means[ids == 2] = np.nan
    assert touching_segments(touching_gaussians(means, reach), ids) == []
    empty = np.zeros((0, 3))
    assert touching_segments(touching_gaussians(empty, empty[:, 0]), np.zeros(0, np.int32)) == []
