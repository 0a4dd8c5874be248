"""Boxes by quantiles hold what belongs together, whatever strays."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splatseg.splats.box import box_in_batches, distances_from_middle, far_out, quantile_box


def block(count: int = 2000, size: float = 4.0) -> np.ndarray:
    """Points that fill a cube of this size around (1, 2, 3)."""
    return np.random.default_rng(0).uniform(-0.5, 0.5, (count, 3)) * size + (1.0, 2.0, 3.0)


@pytest.mark.parametrize("share", [0.001, 0.05, 0.3, 0.45])
def test_a_sky_of_any_share_below_a_half_does_not_widen_the_box(share: float) -> None:
    points = block()
    sky = np.random.default_rng(1).normal(size=(round(len(points) * share / (1 - share)), 3))
    sky *= 400.0 / np.linalg.norm(sky, axis=1, keepdims=True)
    low, high = quantile_box(np.concatenate([sky, points]))
    np.testing.assert_allclose(low, (-1, 0, 1), atol=0.15)
    np.testing.assert_allclose(high, (3, 4, 5), atol=0.15)


def test_what_lies_in_the_sky_has_the_size_of_the_sky() -> None:
    low, high = quantile_box(np.concatenate([block(100), 400.0 * np.random.default_rng(1).normal(size=(300, 3))]))
    assert (high - low).min() > 1000


def test_a_room_around_a_dense_table_keeps_its_walls() -> None:
    table, room = block(6000, 0.8), block(4000, 7.0)
    low, high = quantile_box(np.concatenate([table, room]))
    assert (high - low).min() > 6.5


def test_a_long_thin_thing_keeps_its_ends() -> None:
    rod = np.stack([np.linspace(0, 10, 500), np.zeros(500), np.zeros(500)], 1)
    assert not far_out(rod).any()
    assert quantile_box(rod)[1][0] == pytest.approx(9.9)


def test_points_in_one_place_are_not_far_from_it() -> None:
    points = np.zeros((10, 3))
    points[7:] = (5.0, 0.0, 0.0)
    assert not far_out(points).any()
    assert (distances_from_middle(points) == 0).all()
    assert far_out(np.zeros((0, 3))).shape == (0,)


def test_a_single_point_has_a_box_without_size() -> None:
    low, high = quantile_box(np.array([[1.0, 2.0, 3.0]]))
    assert low.tolist() == high.tolist() == [1.0, 2.0, 3.0]


def test_moving_and_scaling_points_moves_and_scales_their_box() -> None:
    points = np.concatenate([block(300), [[500.0, 0.0, 0.0]] * 4])
    low, high = quantile_box(points)
    moved_low, moved_high = quantile_box(points * 8.0 + 64.0)
    np.testing.assert_allclose([moved_low, moved_high], np.stack([low, high]) * 8.0 + 64.0)


@given(st.integers(1, 50), st.integers(0, 3), st.booleans())
def test_a_box_in_batches_has_the_bits_of_that_of_all_points(count: int, seed: int, one_place: bool) -> None:
    points = np.random.default_rng(seed).standard_cauchy((count, 3)) * 3
    points = points.round() * 0 if one_place else points
    low, high, strays = box_in_batches(lambda: iter(np.array_split(points, 4)))
    assert [low.tolist(), high.tolist()] == [corner.tolist() for corner in quantile_box(points)]
    assert strays == far_out(points).sum()
