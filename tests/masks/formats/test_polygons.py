"""Polygons against a test of every pixel's centre, and against the COCO API."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splatseg.masks.formats.polygons import fill_polygon

coordinates = st.integers(-40, 140).map(lambda n: n / 4 + 0.013)
polygons = st.lists(st.tuples(coordinates, coordinates), min_size=3, max_size=9)


def inside(points: np.ndarray, x: float, y: float) -> bool:
    """The even-odd rule, by counting the edges that a ray to the right crosses."""
    count = 0
    for (x0, y0), (x1, y1) in zip(points, np.roll(points, -1, axis=0), strict=True):
        if (y0 <= y) != (y1 <= y):
            count += x0 + (y - y0) / (y1 - y0) * (x1 - x0) > x
    return count % 2 == 1


@given(polygons)
@settings(max_examples=100, deadline=None)
def test_a_pixel_is_of_a_polygon_if_its_centre_is(corners: list[tuple[float, float]]) -> None:
    points = np.array(corners)
    mask = np.zeros((23, 31), bool)
    fill_polygon(mask, points)
    expected = [[inside(points, x + 0.5, y + 0.5) for x in range(31)] for y in range(23)]
    np.testing.assert_array_equal(mask, expected)


def test_a_rectangle_along_pixel_borders_has_exactly_its_pixels() -> None:
    mask = np.zeros((8, 9), bool)
    fill_polygon(mask, np.array([[2, 1], [6, 1], [6, 5], [2, 5.0]]))
    expected = np.zeros_like(mask)
    expected[1:5, 2:6] = True
    np.testing.assert_array_equal(mask, expected)


def test_large_polygons_are_nearly_those_of_the_coco_api() -> None:
    from pycocotools import mask as coco

    angles = np.linspace(0, 2 * np.pi, 17)[:-1]
    radii = np.where(np.arange(16) % 2, 80, 40)
    points = np.stack([150 + radii * np.cos(angles), 100 + radii * np.sin(angles)], axis=1)
    mask = np.zeros((200, 300), bool)
    fill_polygon(mask, points)
    theirs = np.asarray(coco.decode(coco.frPyObjects([points.ravel().tolist()], 200, 300)))[..., 0].astype(bool)
    assert (mask & theirs).sum() / (mask | theirs).sum() > 0.97  # theirs also takes pixels that an edge touches


@pytest.mark.parametrize("points", [[[0, 0], [1, 1]], [[0, 0], [np.nan, 1], [1, 0]], [[0, 0], [1e30, 1], [1, 0]]])
def test_what_is_no_polygon_is_an_error(points: list) -> None:
    with pytest.raises(ValueError, match="polygon"):
        fill_polygon(np.zeros((4, 4), bool), np.array(points, float))
