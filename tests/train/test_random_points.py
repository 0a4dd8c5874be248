"""Points to start from where a capture has none."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from lens_captures import write_model

from splatseg.cameras.lens_camera import LensCamera
from splatseg.cameras.lens_models import lens_of_model
from splatseg.capture.capture import Capture, load_capture
from splatseg.capture.view import faces_of_photograph
from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture
from splatseg.poses import child
from splatseg.train.random_points import NEAR, POINTS, random_points


@pytest.fixture(scope="module")
def capture() -> Capture:
    return load_capture(demo_capture(), downscale=4)


def test_random_points_lie_where_cameras_look_and_not_before_their_lenses(capture: Capture) -> None:
    cameras, images = [view.camera for view in capture.views], [view.image() for view in capture.views]
    points, colors = random_points(capture.views, [(image, None) for image in images], 0)
    assert points.shape == (POINTS, 3) and points.dtype == np.float32
    assert colors.shape == (POINTS, 3) and colors.dtype == np.uint8 and colors.std() > 5
    nearest = min(np.linalg.norm(points - camera.position, axis=1).min() for camera in cameras)
    radius = np.linalg.norm(points - points.mean(axis=0), axis=1).max()
    assert nearest > NEAR * radius / 2
    # Most of the things that were measured are among them.
    low, high = points.min(axis=0), points.max(axis=0)
    middle = np.median(capture.points, axis=0)
    assert (low < middle).all() and (middle < high).all()
    again, _ = random_points(capture.views, [(image, None) for image in images], 0)
    np.testing.assert_array_equal(points, again)


def test_a_photograph_that_is_cut_into_faces_counts_as_one_where_cameras_look(capture: Capture) -> None:
    lens = lens_of_model("SIMPLE_RADIAL_FISHEYE", (32.0, 50.0, 50.0, 0.0), 100, 100)
    taken = [(view.name, LensCamera(view.camera.viewmat, lens)) for view in capture.views[::5]]
    views = [face for name, camera in taken for face in faces_of_photograph(name, camera)]
    assert len(views) > 2 * len(taken)
    black = [(np.zeros((view.camera.height, view.camera.width, 3), np.uint8), None) for view in views]
    points, _ = random_points(views, black, 0)
    # Their axes meet in the scene; those of all faces would meet at the cameras.
    assert np.linalg.norm(points.mean(axis=0) - np.median(capture.points, axis=0)) < 0.5


def test_ignored_pixels_give_no_colour(capture: Capture) -> None:
    cameras = [view.camera for view in capture.views[:4]]
    images = [np.full((camera.height, camera.width, 3), 200, np.uint8) for camera in cameras]
    ignored = [np.zeros(image.shape[:2], bool) for image in images]
    for image, mask in zip(images, ignored, strict=True):
        image[:, : image.shape[1] // 2], mask[:, : image.shape[1] // 2] = 0, True
    _, colors = random_points(capture.views[:4], zip(images, ignored, strict=True), 1)
    assert len(colors) and (colors == 200).all()


def test_a_capture_without_points_is_fitted_with_a_warning(
    tmp_path: Path, capture: Capture, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "find_spec", lambda name: None)  # without pycolmap, which would find some
    (tmp_path / "capture").mkdir()
    (tmp_path / "capture" / "images").symlink_to(Path(demo_capture()) / "images")
    full = load_capture(demo_capture())
    bare = Capture(full.path, full.views, np.zeros((0, 3), np.float32), np.zeros((0, 3), np.uint8), frozenset())
    K = full.views[0].camera.K
    params = (K[0, 0], K[1, 1], K[0, 2], K[1, 2])
    poses = [(view.name, view.camera.viewmat) for view in full.views]
    write_model(tmp_path / "capture", poses, "PINHOLE", params, 320, 240, bare)
    train = ["train", str(tmp_path / "capture"), "-o", str(tmp_path / "run"), "--downscale", "4", "--iterations", "150"]
    assert run(train) == 0
    said = capsys.readouterr()
    assert "has no 3D points, so the fit starts from random ones" in said.err
    assert float(said.out.split("PSNR held out")[1].split("dB")[0]) > 17
