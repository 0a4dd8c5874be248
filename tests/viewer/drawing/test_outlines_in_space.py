"""Lines drawn into the scene lie where the cameras are, and a click near one of them means it."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import camera

from splatseg.cameras.camera import Camera
from splatseg.viewer.drawing.outlines_in_space import chain, place_at, pyramids


def moved(place: tuple[float, float, float]) -> Camera:
    viewmat = np.eye(4)
    viewmat[:3, 3] = -np.array(place)
    K = np.array([[20.0, 0.0, 12.0], [0.0, 20.0, 8.0], [0.0, 0.0, 1.0]])
    return Camera(viewmat, K, 24, 16)


def test_a_pyramid_holds_what_the_camera_sees() -> None:
    one = moved((1.0, 2.0, 3.0))
    lines = pyramids([one], 0.5)
    assert lines.shape == (10, 2, 3)
    np.testing.assert_allclose(lines[:4, 0], np.tile((1.0, 2.0, 3.0), (4, 1)))
    pixels, depths = one.project(lines[:4, 1])
    np.testing.assert_allclose(depths, 0.5)
    np.testing.assert_allclose(pixels, [(0, 0), (24, 0), (24, 16), (0, 16)], atol=1e-9)
    tip = one.project(lines[8:, 1])[0]
    assert (tip[:, 1] < 0).all(), "the roof is above the picture"


def test_of_no_cameras_there_are_no_lines() -> None:
    assert pyramids([], 1.0).shape == (0, 2, 3)
    assert chain(np.zeros((1, 3))).shape == (0, 2, 3)


@pytest.mark.parametrize(("pixel", "expected"), [((12.0, 8.0), 0), ((22.0, 8.0), 2), ((2.0, 2.0), None)])
def test_a_click_means_the_place_in_front_that_is_near_it(pixel: tuple[float, float], expected: int | None) -> None:
    places = np.array([[0.0, 0.0, 2.0], [0.0, 0.0, 4.0], [1.0, 0.0, 2.0], [0.0, 0.0, -1.0]])
    assert place_at(camera(), places, pixel, 3.0) == expected
