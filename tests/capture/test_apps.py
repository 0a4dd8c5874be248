"""transforms.json as programs write it: keys, lenses, names and matrices of each, without files of theirs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cameras_of_apps import APPS
from capture_files import write_image

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens import FISHEYE, PANORAMA, PERSPECTIVE
from splatseg.cameras.lens_camera import LensCamera
from splatseg.capture.capture import load_capture
from splatseg.capture.frame_lens import lens_of_frame
from splatseg.errors import CaptureError

POSE = [[1.0, 0, 0, 0.5], [0, 1, 0, -0.2], [0, 0, 1, 2.0], [0, 0, 0, 1]]


def written(folder: Path, content: dict[str, Any], images: tuple[int, int] = (64, 48)) -> Path:
    for frame in content["frames"]:
        path = folder / frame["file_path"].replace("\\", "/")
        write_image(path if path.suffix else path.with_suffix(".png"), *images)
    (folder / "transforms.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize("app", sorted(APPS))
def test_what_a_program_writes_is_read(tmp_path: Path, app: str) -> None:
    content, kind, lens = APPS[app](POSE)
    capture = load_capture(written(tmp_path, content))
    assert len({view.photograph for view in capture.views}) == 2
    view = capture.views[0]
    assert type(view.seen_by) is (LensCamera if lens else Camera)
    if isinstance(view.seen_by, LensCamera):
        assert view.seen_by.lens.kind == kind
    np.testing.assert_allclose(view.seen_by.position, [0.5, -0.2, 2.0], atol=1e-9)
    assert view.image().shape == (view.camera.height, view.camera.width, 3)


def test_a_matrix_that_is_homogeneous_means_the_same_when_it_is_multiplied(tmp_path: Path) -> None:
    frames = [
        {"file_path": "images/a.png", "transform_matrix": POSE},
        {"file_path": "images/b.png", "transform_matrix": (1.00118 * np.array(POSE)).tolist()},
        {"file_path": "images/c.png", "transform_matrix": (-2.0 * np.array(POSE)).tolist()},
    ]
    views = load_capture(written(tmp_path, {"fl_x": 60.0, "frames": frames})).views
    for view in views[1:]:
        np.testing.assert_allclose(view.camera.viewmat, views[0].camera.viewmat, atol=1e-12)


def lens(**frame: Any):
    return lens_of_frame({"fl_x": 30.0, **frame}, 64, 48, ({"fl_x": 30.0, **frame}).get, "a")


def test_coefficients_mean_what_each_program_means_by_them() -> None:
    bent = {"k1": 0.1, "k2": -0.02, "k3": 0.003, "k4": 4e-4, "p1": 0.001, "p2": -0.002}
    ours = lens(camera_model="OPENCV", **bent)
    assert (ours.kind, ours.radial, ours.tangential) == (PERSPECTIVE, (0.1, -0.02, 0.003, 4e-4), (-0.002, 0.001))
    assert lens(**bent) == ours  # instant-ngp names no model
    assert lens(is_fisheye=True, **bent).kind == FISHEYE
    full = lens(camera_model="FULL_OPENCV", k5=0.01, k6=0.02, **bent)
    assert (full.radial, full.divisor) == ((0.1, -0.02, 0.003), (4e-4, 0.01, 0.02))
    aria = lens(camera_model="FISHEYE624", k5=1e-5, k6=-1e-6, s1=0.01, s2=0.02, s3=0.03, s4=0.04, **bent)
    assert aria.chained and aria.tangential == (0.001, -0.002) and aria.prism == (0.01, 0.02, 0.03, 0.04)
    assert lens(camera_model="EQUIRECTANGULAR").kind == PANORAMA


def test_a_model_that_is_unknown_is_named_with_those_that_are_read() -> None:
    with pytest.raises(
        CaptureError, match=r"a: the camera model ORTHOPHOTO is unknown; splatseg reads PERSPECTIVE, .*"
    ):
        lens(camera_model="ORTHOPHOTO")
