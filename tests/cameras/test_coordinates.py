"""Worlds to compute in: none for ordinary coordinates, and one that loses no digits for others."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splatseg.cameras.camera import Camera, centred_lens
from splatseg.cameras.coordinates import LARGEST, OWN, SMALLEST, Coordinates, coordinates_around
from splatseg.cameras.lens_camera import LensCamera
from splatseg.cameras.lens_models import lens_of_model

AROUND = np.random.default_rng(3).normal(size=(20, 3))

numbers = st.floats(-1e7, 1e7)
worlds = st.builds(
    Coordinates, st.tuples(numbers, numbers, numbers), st.integers(-20, 20).map(lambda power: 2.0**power)
)


def test_ordinary_coordinates_are_computed_in_as_they_are() -> None:
    for size, away in ((1.0, 0.0), (1.0, 7.0), (0.3, 1.0), (5000.0, 20_000.0)):
        assert coordinates_around(size * AROUND / 2.0 + away).is_own


@pytest.mark.parametrize("away", [(4e5, 5e6, 100.0), (0.0, 0.0, -1e3), (1e9, 0.0, 0.0)])
@pytest.mark.parametrize("size", [1e-6, 0.02, 3.0, 700.0, 1e6])
def test_a_world_is_around_the_cameras_and_of_a_size_that_is_computed_with(
    away: tuple[float, ...], size: float
) -> None:
    positions = size * AROUND + away
    found = coordinates_around(positions)
    inside = found.inwards(positions)
    extent = np.ptp(inside, axis=0).max()
    assert SMALLEST / 2 <= extent <= LARGEST
    assert np.abs(np.median(inside, axis=0)).max() <= 8.0 * extent
    # As many digits are left as the user's own doubles have.
    np.testing.assert_allclose(found.outwards(inside), positions, rtol=0, atol=4e-16 * np.abs(positions).max())


def test_a_scene_seen_from_one_place_is_as_large_as_its_points_are_far() -> None:
    place = np.zeros((5, 3))
    assert coordinates_around(place).is_own
    assert coordinates_around(place, 10.0 * AROUND).is_own
    assert coordinates_around(place, 1e-4 * AROUND).scale < 1e-3


def test_numbers_that_are_none_choose_no_world() -> None:
    assert coordinates_around(np.full((3, 3), np.nan)) is OWN
    assert coordinates_around(np.full((3, 3), np.inf)) is OWN


@given(worlds, st.lists(st.tuples(numbers, numbers, numbers), min_size=1, max_size=5))
def test_out_and_in_again_is_where_it_was(world: Coordinates, points: list[tuple[float, float, float]]) -> None:
    inside = np.array(points)
    size = np.abs(world.outwards(inside)).max() + np.abs(world.centre).max()
    np.testing.assert_allclose(world.inwards(world.outwards(inside)), inside, rtol=0, atol=1e-15 * size / world.scale)


@given(worlds)
def test_a_camera_sees_a_point_at_the_same_pixel_in_both(world: Coordinates) -> None:
    rotation = np.array([[0.36, 0.48, -0.8], [-0.8, 0.6, 0.0], [0.48, 0.64, 0.6]])
    pinhole = Camera.placed(rotation, np.array([0.1, -0.2, 0.3]), centred_lens(300.0, 320, 240), 320, 240)
    through = LensCamera(pinhole.viewmat, lens_of_model("SIMPLE_RADIAL", (300.0, 160.0, 120.0, -0.1), 320, 240))
    points = pinhole.position + 2.0 * rotation[:, 2] + 0.3 * AROUND
    for camera in (pinhole, through):
        outside = world.camera_outwards(camera)
        again = world.camera_inwards(outside)
        precision = np.finfo(float).eps * (np.abs(world.centre).max() / world.scale + 10.0)
        np.testing.assert_allclose(again.viewmat, camera.viewmat, rtol=0, atol=8 * precision)
        seen, known = outside.project(world.outwards(points))[0], camera.project(points)[0]
        np.testing.assert_allclose(seen, known, rtol=0, atol=3e3 * precision)
