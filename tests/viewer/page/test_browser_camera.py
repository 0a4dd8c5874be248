"""A browser's camera and ours see the same."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from splatseg.cameras.camera import Camera
from splatseg.scene.first_pose import camera_at, pose_of
from splatseg.viewer.page.browser_camera import camera_of, pixel_at, pose_at_view


def test_a_browser_that_does_not_turn_looks_along_z_with_y_down() -> None:
    camera = camera_of(np.array([1.0, 0, 0, 0]), np.array([1.0, 2.0, 3.0]), np.pi / 2, 80, 60)
    pixels, depths = camera.project(np.array([[1.0, 2.0, 5.0], [1.0, 4.0, 5.0], [3.0, 2.0, 5.0]]))
    assert depths == pytest.approx([2.0, 2.0, 2.0])
    assert pixels == pytest.approx(np.array([[40.0, 30.0], [40.0, 60.0], [70.0, 30.0]]))


@given(st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: sum(v * v for v in q) > 0.1), st.floats(0.2, 2.5))
def test_a_pose_and_the_rotation_it_comes_to_are_the_same_camera(quaternion: tuple[float, ...], fov: float) -> None:
    w, x, y, z = np.array(quaternion) / np.linalg.norm(quaternion)
    rotation = Rotation.from_quat([x, y, z, w]).as_matrix()
    position = np.array([0.3, -1.0, 2.0])
    pose = pose_of(position, position + 4.0 * rotation[:, 2], -rotation[:, 1], fov)
    one = camera_of(np.array([w, x, y, z]), position, fov, 64, 48)
    other = camera_at(pose, 64, 48)
    assert other.viewmat == pytest.approx(one.viewmat, abs=1e-9)
    assert pytest.approx(one.K) == other.K


@pytest.mark.parametrize("aspect", [0.5, 4 / 3, 2.5])
def test_a_browser_of_any_shape_sees_all_of_a_view(aspect: float) -> None:
    viewmat = np.eye(4)
    viewmat[:3, :3] = Rotation.from_euler("xyz", [0.3, -0.8, 0.1]).as_matrix()
    viewmat[:3, 3] = (0.5, 0.1, 2.0)
    camera = Camera(viewmat, np.array([[90.0, 0, 64], [0, 80.0, 48], [0, 0, 1]]), 128, 96)
    browser = camera_at(pose_at_view(camera, 3.0, aspect, (0.1, -1.0, 0.2)), round(480 * aspect), 480)
    corners = camera.unproject(np.array([[0.0, 0], [128, 0], [128, 96], [0, 96]]), np.full(4, 5.0))
    assert browser.viewmat == pytest.approx(camera.viewmat, abs=1e-9)
    pixels, depths = browser.project(corners)
    assert (depths > 0).all()
    assert (pixels > -0.51).all() and (pixels < np.array([browser.width, browser.height]) + 0.51).all()
    touches = np.abs(pixels - np.array([browser.width, browser.height]) / 2).max(axis=0)
    assert (touches > np.array([browser.width, browser.height]) / 2 - 1.0).any(), "and no smaller than it must be"


def test_a_place_on_the_screen_is_a_pixel_and_stays_inside() -> None:
    camera = camera_of(np.array([1.0, 0, 0, 0]), np.zeros(3), 1.0, 200, 100)
    assert pixel_at((0.5, 0.25), camera) == (100.0, 25.0)
    assert pixel_at((1.0, 1.2), camera) == (199.5, 99.5)
    assert pixel_at((-0.1, 0.0), camera) == (0.0, 0.0)


def test_a_browser_at_a_tilted_view_still_turns_around_the_scene_s_axis() -> None:
    viewmat = np.eye(4)
    viewmat[:3, :3] = Rotation.from_euler("x", 0.9).as_matrix()
    camera = Camera(viewmat, np.array([[90.0, 0, 64], [0, 90.0, 48], [0, 0, 1]]), 128, 96)
    assert pose_at_view(camera, 1.0, 1.0, (0.0, -1.0, 0.0)).up == pytest.approx((0.0, -1.0, 0.0))
    upside_down = pose_at_view(camera, 1.0, 1.0, (0.0, 1.0, 0.0))
    assert camera_at(upside_down, 128, 96).viewmat == pytest.approx(viewmat, abs=1e-9)
