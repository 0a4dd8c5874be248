"""An orbit: around what the cameras look at, as high and as far as they were, and never where none of them was."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import camera, ring

from splatseg.cameras.camera import Camera
from splatseg.cameras.orbit import focus_of, looking_at, orbit_around, orbit_of
from splatseg.capture.capture import load_capture
from splatseg.demo.demo import demo_capture
from splatseg.errors import CaptureError

K = np.array([[30.0, 0.0, 18.0], [0.0, 30.0, 12.0], [0.0, 0.0, 1.0]])
UP = np.array([0.0, 0.0, 1.0])


def dome(azimuths: np.ndarray, elevation: float = 0.6, distance: float = 2.0, focus: tuple = (1.0, 2.0, 3.0)) -> list:
    cameras = []
    for azimuth in azimuths:
        flat = np.array([np.cos(azimuth), np.sin(azimuth), 0.0]) * np.cos(elevation)
        position = np.array(focus) + distance * (flat + np.array([0.0, 0.0, np.sin(elevation)]))
        cameras.append(looking_at(np.array(focus), position, UP, K, 36, 24))
    return cameras


def forward_of(cameras: tuple[Camera, ...]) -> np.ndarray:
    return np.stack([one.viewmat[2, :3] for one in cameras])


def test_cameras_all_around_give_a_full_circle_at_their_height_and_distance() -> None:
    cameras = dome(np.linspace(0, 2 * np.pi, 12, endpoint=False))
    orbit = orbit_of(cameras)
    assert np.allclose(orbit.focus, (1, 2, 3), atol=1e-6) and np.allclose(orbit.axes[2], UP, atol=1e-6)
    film = orbit.cameras(24, K, 36, 24)
    assert np.allclose(film[0].position, cameras[0].position)
    assert np.allclose(film[12].position, cameras[6].position)
    assert np.allclose([np.linalg.norm(one.position - (1, 2, 3)) for one in film], 2.0)


def test_the_focus_is_in_the_middle_of_every_picture_and_up_is_up() -> None:
    for one in orbit_of(dome(np.linspace(0, 6, 9))).cameras(7, K, 36, 24):
        pixel, depth = one.project(np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.1]]))
        assert np.allclose(pixel[0], (18, 12)) and depth[0] == pytest.approx(2.0)
        assert np.allclose(pixel[1, 0], 18) and pixel[1, 1] < 12
        assert np.linalg.det(one.viewmat[:3, :3]) == pytest.approx(1.0)


def test_a_camera_that_looks_elsewhere_does_not_move_the_focus() -> None:
    cameras = dome(np.linspace(0, 2 * np.pi, 12, endpoint=False))
    stray = looking_at(np.array([30.0, 0.0, 9.0]), cameras[0].position, UP, K, 36, 24)
    assert np.allclose(orbit_of([*cameras, stray]).focus, (1, 2, 3), atol=0.02)


def test_cameras_on_one_side_give_an_arc_inside_what_they_cover() -> None:
    covered = np.linspace(-0.7, 0.9, 9)
    film = orbit_of(dome(covered)).cameras(40, K, 36, 24)
    azimuths = [np.arctan2(one.position[1] - 2, one.position[0] - 1) for one in film]
    assert covered[0] < min(azimuths) < -0.2 and 0.4 < max(azimuths) < covered[-1]
    # It is closed: the step from the last frame to the first is as small as the others.
    steps = np.linalg.norm(np.diff([one.position for one in (*film, film[0])], axis=0), axis=1)
    assert steps[-1] <= 1.01 * steps.max()


def test_cameras_that_all_look_ahead_look_at_the_depth_they_are_told() -> None:
    shifted = []
    for x in np.linspace(-1, 1, 5):
        for y in np.linspace(-0.5, 0.5, 3):
            viewmat = np.eye(4)
            viewmat[:2, 3] = -x, -y
            shifted.append(Camera(viewmat, K, 36, 24))
    orbit = orbit_of(shifted, depth=8.0)
    assert np.allclose(orbit.focus, (0, 0, 8)) and np.allclose(orbit.axes[2], (0, -1, 0))
    film = orbit.cameras(30, K, 36, 24)
    positions = np.stack([one.position for one in film])
    assert (np.abs(positions[:, 0]) < 1).all() and (np.abs(positions[:, 1]) < 0.5).all()
    assert np.ptp(positions[:, 0]) > 0.6 and (np.abs(positions[:, 2]) < 0.2).all()


def test_a_single_camera_sways_a_little() -> None:
    film = orbit_of([camera()], depth=4.0).cameras(8, K, 36, 24)
    moved = np.linalg.norm([one.position for one in film], axis=1).max()
    assert 0.05 < moved < 0.5
    assert (forward_of(film)[:, 2] > 0.99).all()


def test_up_is_what_cameras_looking_down_from_one_side_have_in_common() -> None:
    cameras = dome(np.linspace(-1.0, 1.0, 9), elevation=0.9)
    mean = -np.stack([one.viewmat[1, :3] for one in cameras]).mean(0)
    assert orbit_of(cameras).axes[2] @ UP > 0.999 > mean @ UP / np.linalg.norm(mean)


def test_axes_that_meet_behind_the_cameras_are_not_believed() -> None:
    outwards = [looking_at(2 * one.position, one.position, np.array([0.0, -1.0, 0.0]), K, 36, 24) for one in ring(6)]
    positions = np.stack([one.position for one in outwards])
    focus = focus_of(positions, forward_of(tuple(outwards)), 5.0)
    assert np.isfinite(focus).all()


def test_an_orbit_of_the_embedded_capture_stays_above_the_table_and_among_its_cameras() -> None:
    cameras = [view.camera for view in load_capture(demo_capture()).views]
    heights = [one.position[2] for one in cameras]
    for one in orbit_of(cameras).cameras(12, K, 36, 24):
        assert min(heights) < one.position[2] < max(heights)


def test_points_alone_are_seen_whole_with_up_as_told() -> None:
    points = np.random.default_rng(0).uniform(-1, 1, (2000, 3)) + np.array([5.0, 0.0, 0.0])
    points[:10] = 1000.0
    for one in orbit_around(points, np.array([0.0, -1.0, 0.0]), 2 * np.arctan(12 / 30)).cameras(5, K, 36, 24):
        pixels, depths = one.project(points[10:])
        inside = (pixels > 0).all(1) & (pixels < (36, 24)).all(1) & (depths > 0)
        assert inside.mean() > 0.95
        assert one.position[1] < 0


def test_no_cameras_are_a_sentence() -> None:
    with pytest.raises(CaptureError, match="there are none"):
        orbit_of([])
