"""The membrane: values that are harmonic stay, and a region without an outline has one value."""

from __future__ import annotations

import numpy as np

from splatseg.fill.membrane import membrane


def disc(side: int = 24, radius: float = 7.0) -> np.ndarray:
    rows, columns = np.indices((side, side)) - side / 2
    return np.hypot(rows, columns) < radius


def test_a_slope_goes_on_through_a_hole() -> None:
    rows, columns = np.indices((24, 24))
    values = np.stack([2.0 * rows - columns, 0.1 * columns, rows * columns], -1).astype(float)
    hole = disc()
    broken = np.where(hole[..., None], 99.0, values)
    np.testing.assert_allclose(membrane(broken, ~hole, hole), values, atol=1e-5)


def test_a_value_inside_is_never_beyond_those_of_the_outline() -> None:
    values = np.random.default_rng(0).random((24, 24, 2))
    hole = disc()
    inside = membrane(values, ~hole, hole)[hole]
    assert inside.min() >= values[~hole].min() and inside.max() <= values[~hole].max()


def test_cells_that_are_not_known_do_not_count() -> None:
    hole = disc()
    values, known = np.ones((24, 24, 1)), ~hole
    values[:, :12], known[:, :12] = 50.0, False
    np.testing.assert_allclose(membrane(values, known, hole)[hole], 1.0, atol=1e-6)


def test_a_region_far_from_everything_known_takes_the_mean() -> None:
    values, known, region = np.zeros((24, 24, 1)), np.zeros((24, 24), bool), disc(radius=3)
    known[0, 0], known[0, 1], values[0, 1] = True, True, 4.0
    np.testing.assert_allclose(membrane(values, known, region)[region], 2.0)
    np.testing.assert_array_equal(membrane(values, known & False, region), values)
