"""A path through cameras: it meets its keyframes, at an even speed, without a jolt, and strays do not bend it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from scenes import camera, ring
from scipy.spatial.transform import Rotation

from splatseg.cameras.camera import Camera
from splatseg.cameras.path import natural_order, path_of_views, path_through, reframed
from splatseg.capture.capture import load_cameras
from splatseg.capture.transforms_json import write_transforms
from splatseg.errors import CaptureError


def moved(x: float, y: float = 0.0, z: float = 0.0, turn: float = 0.0, focal: float = 20.0) -> Camera:
    viewmat = np.eye(4)
    viewmat[:3, :3] = Rotation.from_rotvec([0.0, turn, 0.0]).as_matrix()
    viewmat[:3, 3] = -viewmat[:3, :3] @ (x, y, z)
    return Camera(viewmat, np.array([[focal, 0.0, 12.0], [0.0, focal, 8.0], [0.0, 0.0, 1.0]]), 24, 16)


def positions_of(path: tuple[Camera, ...] | list[Camera]) -> np.ndarray:
    return np.stack([one.position for one in path])


def test_it_begins_at_the_first_and_ends_at_the_last_and_passes_the_others() -> None:
    keyframes = [moved(0), moved(1, 1, turn=0.5), moved(3, 0.5, 1), moved(3.5, -1)]
    path = path_through(keyframes, 2000)
    assert np.allclose(path[0].viewmat, keyframes[0].viewmat) and np.allclose(path[-1].viewmat, keyframes[-1].viewmat)
    for keyframe in keyframes:
        nearest = min(path, key=lambda one: float(np.abs(one.viewmat - keyframe.viewmat).max()))
        assert np.allclose(nearest.viewmat, keyframe.viewmat, atol=5e-3)


def test_its_speed_is_even_however_unevenly_keyframes_are_set() -> None:
    path = path_through([moved(0), moved(0.1), moved(5), moved(5, 4), moved(5, 4.2)], 200)
    steps = np.linalg.norm(np.diff(positions_of(path), axis=0), axis=1)
    assert steps.max() / steps.min() < 1.1


def test_it_turns_evenly_where_it_only_turns() -> None:
    path = path_through([moved(0), moved(0, turn=0.2), moved(0, turn=2.0)], 50)
    forward = np.stack([one.viewmat[2, :3] for one in path])
    angles = np.arccos(np.clip((forward[1:] * forward[:-1]).sum(1), -1, 1))
    assert angles.max() / angles.min() < 1.1 and np.allclose(positions_of(path), 0, atol=1e-9)


def test_it_has_no_jolts() -> None:
    rng = np.random.default_rng(1)
    keyframes = [moved(step, *rng.normal(0, 0.4, 2), turn=rng.normal(0, 0.3)) for step in range(8)]

    def jolt(frames: int) -> float:
        return float(np.abs(np.diff(positions_of(path_through(keyframes, frames)), 2, axis=0)).max())

    # With four times the frames a change of speed that is spread over time shrinks to a sixteenth, a jolt to a quarter.
    assert jolt(1600) < jolt(400) / 8


def test_between_two_keyframes_it_is_straight_and_zooms_evenly() -> None:
    path = path_through([moved(0, focal=10), moved(2, focal=40)], 3)
    assert np.allclose(path[1].position, (1, 0, 0)) and path[1].K[0, 0] == pytest.approx(20.0)


@pytest.mark.parametrize(("keyframes", "said"), [([], "there are none"), ([moved(1)] * 3, "there is one")])
def test_less_than_two_different_keyframes_are_a_sentence(keyframes: list[Camera], said: str) -> None:
    with pytest.raises(CaptureError, match=f"at least two different keyframes, and {said}"):
        path_through(keyframes, 10)


def test_views_in_order_are_followed_in_order() -> None:
    views = ring(24)
    path = path_of_views(views)
    assert np.linalg.norm(path[0].position - views[0].position) < 0.3
    angles = np.unwrap([np.arctan2(one.position[0], one.position[2]) for one in path])
    assert (np.diff(angles) > 0).all() or (np.diff(angles) < 0).all()


def test_views_whose_names_say_nothing_of_their_places_are_toured() -> None:
    views = [ring(40)[index] for index in np.random.default_rng(0).permutation(40)]
    path = positions_of(path_of_views(views))
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).max() < 1.5
    assert np.linalg.norm(np.diff(path, axis=0), axis=1).sum() < 2 * np.pi * 3


def test_a_stray_view_is_left_out_and_noise_is_smoothed_away() -> None:
    rng = np.random.default_rng(0)
    shaky = [moved(0.1 * step, 0.05 * rng.normal()) for step in range(60)]
    path = positions_of(path_of_views([*shaky[:30], moved(500.0, 9.0), *shaky[30:]]))
    assert path[:, 0].max() < 6
    assert np.std(np.diff(path[5:-5, 1])) < 0.2 * np.std(np.diff(positions_of(shaky)[:, 1]))


def test_another_shape_keeps_the_angle_along_the_diagonal() -> None:
    wide = reframed(camera(640, 480, 500.0), 1280, 720)
    assert wide.K[0, 0] == pytest.approx(500 * np.hypot(1280, 720) / 800) and wide.K[0, 0] == wide.K[1, 1]
    assert np.allclose(wide.K[:2, 2], (640, 360))
    assert np.allclose(reframed(camera(640, 480, 500.0), 320, 240).K, camera(640, 480, 500.0).resized(320, 240).K)


def test_numbers_in_names_are_in_order_by_value() -> None:
    assert sorted(["view10.jpg", "view9.jpg", "a2/7.jpg", "b.jpg"], key=natural_order) == [
        "a2/7.jpg",
        "b.jpg",
        "view9.jpg",
        "view10.jpg",
    ]


def test_keyframes_that_are_written_are_read_back(tmp_path: Path) -> None:
    keyframes = {f"{index:04d}": moved(index, 0.5, turn=0.3 * index, focal=20 + index) for index in range(3)}
    write_transforms(tmp_path / "path.json", keyframes)
    views = load_cameras(tmp_path / "path.json")
    assert len(views) == 3
    for view, keyframe in zip(views, keyframes.values(), strict=True):
        assert np.allclose(view.camera.viewmat, keyframe.viewmat) and np.allclose(view.camera.K, keyframe.K)
        assert (view.camera.width, view.camera.height) == (24, 16)


def told(keyframes: list[Camera], tmp_path: Path) -> list[str]:
    """What is said of cameras as keyframes in Python, and of the same cameras in a file."""
    write_transforms(tmp_path / "path.json", {f"{number}.png": one for number, one in enumerate(keyframes)})
    messages = []
    for go in (lambda: path_through(keyframes, 5), lambda: load_cameras(tmp_path / "path.json")):
        with pytest.raises(CaptureError) as found:
            go()
        messages.append(str(found.value))
    return messages


@pytest.mark.parametrize("far", [1e18, 1e30, 1e100, 1e154, 1e200, 1e308])
def test_keyframes_farther_away_than_anything_are_told(tmp_path: Path, far: float) -> None:
    for said in told([moved(0), moved(1), moved(far)], tmp_path):
        assert "its position is more than 1e+17 units away" in said


@pytest.mark.parametrize("far", [1e3, 1e8, 1e15, 1e17])
def test_keyframes_that_are_far_apart_but_possible_give_a_path(far: float) -> None:
    for keyframes in ([moved(0), moved(far)], [moved(far), moved(0), moved(1)], [moved(0), moved(1), moved(far)]):
        path = path_through(keyframes, 20)
        assert np.isfinite(positions_of(path)).all()
        assert np.allclose(path[0].position, keyframes[0].position, atol=1e-6 * far)
        assert np.allclose(path[-1].position, keyframes[-1].position, atol=1e-6 * far)


@pytest.mark.parametrize(("x", "y"), [(1e308, 8), (12, -1e308), (1e20, 1e20)])
def test_a_principal_point_outside_of_all_pictures_is_told(tmp_path: Path, x: float, y: float) -> None:
    odd = moved(1)
    odd.K[:2, 2] = x, y
    for said in told([moved(0), odd], tmp_path):
        assert "its principal point is at" in said


@pytest.mark.parametrize("focal", [1e308, 1e20, 1e-300])
def test_a_focal_length_that_no_lens_has_is_told(tmp_path: Path, focal: float) -> None:
    for said in told([moved(0), moved(1, focal=focal)], tmp_path):
        assert "its focal length is" in said
