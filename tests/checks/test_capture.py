"""Troubles of a capture by itself are told or refused, each in a sentence."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from capture_files import binary_files, colmap_capture, model, text_files, write_files, write_image

from splatseg.cameras.camera import Camera
from splatseg.capture.capture import Capture, load_capture
from splatseg.checks.capture import capture_troubles
from splatseg.demo.demo import demo_capture
from splatseg.errors import CaptureError


@pytest.fixture(scope="module")
def capture() -> Capture:
    return load_capture(demo_capture(), downscale=4)


def _moved(capture: Capture, offset: float) -> Capture:
    """Return the capture with its whole world moved along x."""
    step = np.array([offset, 0.0, 0.0])
    views = [
        dataclasses.replace(
            view,
            camera=Camera.placed(
                view.camera.viewmat[:3, :3].T, view.camera.position + step, view.camera.K, *_size(view.camera)
            ),
        )
        for view in capture.views
    ]
    return dataclasses.replace(capture, views=tuple(views), points=capture.points + step)


def _size(camera: Camera) -> tuple[int, int]:
    return camera.width, camera.height


def test_a_good_capture_has_none(capture: Capture) -> None:
    assert capture_troubles(capture) == []


def test_coordinates_that_float32_cannot_hold_are_told_and_further_out_refused(capture: Capture) -> None:
    (told,) = capture_troubles(_moved(capture, 3e4))
    assert told.error is None and "subtract an offset" in told.text
    (refused,) = capture_troubles(_moved(capture, 5e6))
    assert refused.error is CaptureError


def test_points_of_another_world_are_told_and_without_any_that_is_seen_refused(capture: Capture) -> None:
    half = capture.points.copy()
    # No camera looks up.
    up = -1e3 * np.mean([view.camera.viewmat[1, :3] for view in capture.views], axis=0, dtype=np.float32)
    half[::3] += up
    half[1::3] += up
    (told,) = capture_troubles(dataclasses.replace(capture, points=half))
    assert told.error is None and "are in no photograph" in told.text
    (refused,) = capture_troubles(dataclasses.replace(capture, points=capture.points + up))
    assert refused.error is CaptureError and "100%" in refused.text


def test_photographs_without_a_pose_and_a_larger_model_are_told(tmp_path: Path) -> None:
    names = [f"{number:03d}.jpg" for number in range(9)]
    folder = colmap_capture(tmp_path / "room", names[:3])
    write_image(folder / "images" / "extra.jpg")
    write_files(folder / "sparse" / "1", text_files(model(names)))
    texts = [trouble.text for trouble in capture_troubles(load_capture(folder))]
    assert any("1 of 4 photographs have no pose" in text and "(extra.jpg)" in text for text in texts)
    said = (
        "sparse/0 is taken, with 3 photographs; beside it are other models of the same photographs, each in a world of"
    )
    (text,) = [text for text in texts if said in text]
    assert text.endswith(
        f"(1 with 9): the larger model is used if {folder / 'sparse' / '1'} is given in place of the capture"
    )


def test_a_smaller_model_beside_the_one_that_is_taken_is_told_too(tmp_path: Path) -> None:
    names = [f"{number:03d}.jpg" for number in range(9)]
    folder = colmap_capture(tmp_path / "room", names)
    assert not capture_troubles(load_capture(folder))
    write_files(folder / "sparse" / "1", text_files(model(names[:2])))
    write_files(folder / "sparse" / "2", text_files(model(names[3:6])))
    (trouble,) = capture_troubles(load_capture(folder))
    assert trouble.error is None and "(1 with 2, 2 with 3): `splatseg capture` may join them" in trouble.text


def test_of_several_cameras_only_photographs_without_a_pose_are_told(tmp_path: Path) -> None:
    names = [f"{camera}/{number:03d}.jpg" for camera in ("left", "right") for number in range(3)]
    folder = colmap_capture(tmp_path / "room", names)
    write_image(folder / "images" / "left" / "003.jpg")
    write_files(folder / "sparse" / "0", binary_files(model([*names, "right/003.jpg"])))
    write_image(folder / "images" / "right" / "003.jpg")
    capture = load_capture(folder, test_names=["left/000"], train_names=names[1:])
    (trouble,) = capture_troubles(capture)
    assert trouble.text.startswith("1 of 8 photographs have no pose") and "(003.jpg)" in trouble.text
