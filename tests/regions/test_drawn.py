"""Drawn regions against definitions that are slow and plain."""

from __future__ import annotations

import numpy as np
import pytest

from splatseg.errors import PromptError
from splatseg.regions.drawn import brush_pixels, lasso_pixels, rectangle_pixels

WIDTH, HEIGHT = 40, 30


def centres() -> np.ndarray:
    return np.stack(np.meshgrid(np.arange(WIDTH) + 0.5, np.arange(HEIGHT) + 0.5), axis=-1)


def crossings(points: np.ndarray, x: float, y: float) -> int:
    """Edges of a polygon that a ray from (x, y) to the right crosses."""
    count = 0
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        count += (y0 <= y) != (y1 <= y) and x0 + (y - y0) / (y1 - y0) * (x1 - x0) > x
    return count


def distance(points: np.ndarray, at: np.ndarray) -> float:
    """From a point to the nearest of a polyline, by parts of its segments."""
    starts = points if len(points) == 1 else points[:-1]
    ends = points if len(points) == 1 else points[1:]
    nearest = np.inf
    for a, b in zip(starts, ends, strict=True):
        along = b - a
        t = np.clip((at - a) @ along / max(along @ along, 1e-12), 0.0, 1.0)
        nearest = min(nearest, float(np.hypot(*(at - a - t * along))))
    return nearest


@pytest.mark.parametrize("seed", range(6))
def test_a_lasso_holds_the_pixels_whose_rays_cross_it_an_odd_number_of_times(seed: int) -> None:
    # Random outlines cross themselves and leave the picture.
    rng = np.random.default_rng(seed)
    points = rng.uniform((-10, -10), (WIDTH + 10, HEIGHT + 10), (rng.integers(3, 15), 2))
    expected = [[crossings(points, x, y) % 2 == 1 for x, y in row] for row in centres()]
    np.testing.assert_array_equal(lasso_pixels(points, WIDTH, HEIGHT), expected)


@pytest.mark.parametrize("seed", range(6))
def test_a_brush_holds_the_pixels_within_its_radius_of_the_stroke(seed: int) -> None:
    rng = np.random.default_rng(seed)
    points = rng.uniform((-5, -5), (WIDTH + 5, HEIGHT + 5), (rng.integers(1, 8), 2))
    radius = float(rng.uniform(0.4, 6.0))
    expected = [[distance(points, at) <= radius for at in row] for row in centres()]
    np.testing.assert_array_equal(brush_pixels(points, radius, WIDTH, HEIGHT), expected)


def test_a_long_stroke_is_the_strokes_that_it_is_made_of() -> None:
    points = np.array((20, 15)) + np.cumsum(np.random.default_rng(0).normal(size=(600, 2)), axis=0)
    one = brush_pixels(points, 2.0, WIDTH, HEIGHT)
    parts = [brush_pixels(points[first : first + 2], 2.0, WIDTH, HEIGHT) for first in range(len(points) - 1)]
    np.testing.assert_array_equal(one, np.any(parts, axis=0))


def test_a_rectangle_is_the_lasso_around_its_corners_in_any_order() -> None:
    expected = lasso_pixels([(3.2, 4.1), (17.7, 4.1), (17.7, 20.3), (3.2, 20.3)], WIDTH, HEIGHT)
    np.testing.assert_array_equal(rectangle_pixels((3.2, 4.1, 17.7, 20.3), WIDTH, HEIGHT), expected)
    np.testing.assert_array_equal(rectangle_pixels((17.7, 4.1, 3.2, 20.3), WIDTH, HEIGHT), expected)


def test_what_cannot_be_drawn_is_said() -> None:
    with pytest.raises(PromptError, match=r"a lasso has points \(x, y\), at least 3; an array of shape \(2, 2\)"):
        lasso_pixels([(0, 0), (1, 1)], WIDTH, HEIGHT)
    with pytest.raises(PromptError, match="a point of a stroke is not finite; give pixels"):
        brush_pixels([(0, np.nan)], 1.0, WIDTH, HEIGHT)
    with pytest.raises(PromptError, match="the radius of the brush is 0 pixels; give a number above 0"):
        brush_pixels([(0, 0)], 0.0, WIDTH, HEIGHT)
