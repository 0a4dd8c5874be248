"""Segments that touch in space."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.spatial import cKDTree

from splatseg.cluster.components import GAP_FACTOR, NEIGHBOURS, REACH_FACTOR, touching_atoms, touching_gaussians
from tests.contacts import touching_segments


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
    assert touching_atoms(means, reach, ids) == [(1, 2), (2, 3)]


def test_fewer_contacts_than_a_few_make_nothing_touch() -> None:
    ids = np.array([1, 1, 1, 2, 2, 2], np.int32)
    one, other = np.array([0, 1, 2]), np.array([3, 4, 5])
    both_ways = np.concatenate([one, other]), np.concatenate([other, one])
    assert touching_segments(both_ways, ids) == [(1, 2)]
    assert touching_segments((both_ways[0][:5], both_ways[1][:5]), ids) == []


def test_what_has_no_segment_or_no_place_touches_nothing() -> None:
    means, reach, ids = cubes(0.0, 1.0)
    assert touching_segments(touching_gaussians(means, reach), np.where(ids == 2, 0, ids)) == []
    assert touching_atoms(means, reach, np.where(ids == 2, 0, ids)) == []
    means[ids == 2] = np.nan
    assert touching_segments(touching_gaussians(means, reach), ids) == []
    empty = np.zeros((0, 3))
    assert touching_segments(touching_gaussians(empty, empty[:, 0]), np.zeros(0, np.int32)) == []


@pytest.mark.parametrize("count", [2, 3, 12, 13, 14, 17, 4000])
def test_gaussians_touch_as_a_search_in_double_precision_says(simd_level: str, count: int) -> None:
    rng = np.random.default_rng(count)
    means = (rng.normal(size=(count, 3)) * [1, 1, 0.01] + [50, 0, 0]).astype(np.float32)
    reach = rng.uniform(0, 0.05, count).astype(np.float32)
    means[1 :: max(3, count // 50)] = np.nan if count > 3 else means[1]
    finite = np.flatnonzero(np.isfinite(means).all(axis=1))
    near = min(NEIGHBOURS, len(finite) - 1)
    distances, neighbours = cKDTree(means[finite]).query(means[finite], k=near + 1)
    lengths, others = distances[:, 1:].astype(np.float32), finite[neighbours[:, 1:]]
    rows = np.repeat(finite, near).reshape(others.shape)
    usual = GAP_FACTOR * float(np.median(lengths))
    touching = lengths <= np.maximum(usual, REACH_FACTOR * (reach[rows] + reach[others]))
    found_rows, found_cols = touching_gaussians(means, reach)
    assert 0 < touching.sum() <= touching.size
    np.testing.assert_array_equal(found_rows, rows[touching])
    np.testing.assert_array_equal(found_cols, others[touching])


def test_the_number_of_threads_changes_nothing_of_what_touches() -> None:
    rng = np.random.default_rng(0)
    means, reach = rng.normal(size=(9000, 3)).astype(np.float32), rng.uniform(0, 0.2, 9000).astype(np.float32)
    before = torch.get_num_threads()
    try:
        found = []
        for threads in (1, 2, 5):
            torch.set_num_threads(threads)
            found.append(np.stack(touching_gaussians(means, reach)))
        np.testing.assert_array_equal(found[1], found[0])
        np.testing.assert_array_equal(found[2], found[0])
    finally:
        torch.set_num_threads(before)
