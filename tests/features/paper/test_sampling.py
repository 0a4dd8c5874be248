"""Neighbours: exact, self included, in degenerate places too."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splatseg.features.paper.sampling import draw_samples, farthest, nearest


def _sorted_distances(points: np.ndarray, queries: np.ndarray) -> np.ndarray:
    return np.sort(np.linalg.norm(points[None] - queries[:, None], axis=-1), axis=1)


@given(seed=st.integers(0, 1000), count=st.integers(1, 200), k=st.integers(1, 6), flat=st.booleans())
@settings(max_examples=60, deadline=None)
def test_the_farthest_are_the_farthest(seed, count, k, flat):
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(count, 3)) ** 3
    if flat:
        points[:, 2] = 0.0
    queries = points[: min(20, count)]
    found = farthest(points, queries, k)
    distances = np.sort(np.linalg.norm(points[found] - queries[:, None], axis=-1), axis=1)
    np.testing.assert_allclose(distances, _sorted_distances(points, queries)[:, -k:], rtol=1e-12)
    assert all(len(set(row)) == len(row) for row in found)


def test_copies_of_the_farthest_point_all_count():
    points = np.concatenate([np.random.default_rng(0).random((50, 3)), np.full((5, 3), 9.0)])
    found = farthest(points, points[:1], 5)
    assert sorted(found[0]) == [50, 51, 52, 53, 54]


def test_the_nearest_includes_the_query_itself_as_the_official_code_does():
    points = np.random.default_rng(0).random((100, 3))
    found = nearest(points, points[:10], 2)
    assert (found == np.arange(10)[:, None]).any(axis=1).all()
    distances = np.linalg.norm(points[found] - points[:10, None], axis=-1)
    np.testing.assert_allclose(np.sort(distances, axis=1), _sorted_distances(points, points[:10])[:, :2])


def test_fewer_points_than_neighbours_give_what_there_is():
    points = np.zeros((1, 3))
    assert nearest(points, points, 2).tolist() == [[0]]
    assert farthest(points, points, 5).tolist() == [[0]]


@pytest.mark.parametrize(("count", "expected"), [(50, 50), (500, 100)])
def test_samples_are_drawn_among_the_candidates_without_repetition(count, expected):
    candidates, samples = draw_samples(count, 100, 30, np.random.default_rng(0))
    assert len(candidates) == expected and len(set(candidates)) == expected
    assert len(set(samples)) == 30 and samples.max() < expected


def test_the_same_seed_draws_the_same():
    first, second = (draw_samples(500, 100, 30, np.random.default_rng(3)) for _ in range(2))
    assert all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))
