"""A camera path that a person set in the page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from viewer_scenes import workspace

from splatseg.capture.capture import load_cameras
from splatseg.errors import PromptError
from splatseg.scene.first_pose import Pose, camera_at
from splatseg.viewer.writing.film import cameras_through, poses_through, write_film

KEYFRAMES = (
    Pose((0.0, -0.5, -3.0), (0.0, 0.0, 0.0), (0.0, -1.0, 0.0), 0.8),
    Pose((2.0, -0.5, -2.0), (0.0, 0.0, 0.0), (0.0, -1.0, 0.0), 0.8),
    Pose((3.0, -0.5, 0.0), (0.0, 0.0, 0.0), (0.0, -1.0, 0.0), 0.6),
)


def test_a_path_begins_and_ends_where_the_keyframes_do() -> None:
    cameras = cameras_through(KEYFRAMES, 9, (64, 48))
    for camera, pose in ((cameras[0], KEYFRAMES[0]), (cameras[-1], KEYFRAMES[-1])):
        np.testing.assert_allclose(camera.viewmat, camera_at(pose, 64, 48).viewmat, atol=1e-6)


def test_the_browser_follows_the_same_path_as_the_film() -> None:
    poses, cameras = poses_through(KEYFRAMES, 7), cameras_through(KEYFRAMES, 7, (640, 480))
    for pose, camera in zip(poses, cameras, strict=True):
        again = camera_at(pose, 640, 480)
        np.testing.assert_allclose(again.viewmat, camera.viewmat, atol=1e-6)
        np.testing.assert_allclose(again.K, camera.K, atol=1e-6)


def test_one_keyframe_is_no_path() -> None:
    for keyframes in ((), KEYFRAMES[:1], (KEYFRAMES[0], KEYFRAMES[0])):
        with pytest.raises(PromptError, match="two different keyframes"):
            cameras_through(keyframes, 5, (64, 48))


def test_a_film_has_its_keyframes_beside_it_so_that_it_can_be_made_again(tmp_path: Path) -> None:
    space, _ = workspace()
    told: list[tuple[int, int]] = []
    write_film(space, KEYFRAMES, 4, (64, 48), tmp_path / "path.mp4", lambda done, of: told.append((done, of)))
    assert (tmp_path / "path.mp4").stat().st_size > 100 and told[-1] == (4, 4)
    kept = load_cameras(tmp_path / "path.json")
    assert len(kept) == len(KEYFRAMES)
    np.testing.assert_allclose(kept[0].camera.viewmat, camera_at(KEYFRAMES[0], 64, 48).viewmat, atol=1e-6)
