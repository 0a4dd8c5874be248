"""nerfstudio and Blender transforms: axes, intrinsics, splits, damage."""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from capture_files import transforms_capture, write_image
from hypothesis import given, settings
from hypothesis import strategies as st

from splatseg.capture.capture import load_capture
from splatseg.capture.transforms_json import read_transforms
from splatseg.errors import CaptureError


def read(folder: Path, names: list[str], **content: Any):
    return read_transforms(transforms_capture(folder, names, **content) / "transforms.json")


@given(st.tuples(*[st.floats(-1, 1)] * 4).filter(lambda q: np.linalg.norm(q) > 0.1), st.tuples(*[st.floats(-9, 9)] * 3))
@settings(max_examples=30, deadline=None)
def test_opengl_poses_become_opencv_world_to_camera(quat: tuple[float, ...], position: tuple[float, ...]) -> None:
    a, b, c, d = np.array(quat) / np.linalg.norm(quat)
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a - b * b + c * c - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a - b * b - c * c + d * d],
        ]
    )
    pose = np.eye(4)
    pose[:3, :3], pose[:3, 3] = rotation, position
    with tempfile.TemporaryDirectory() as folder:
        frames = [{"file_path": "images/a.png", "transform_matrix": pose.tolist()}]
        camera = read(Path(folder), ["images/a.png"], frames=frames).cameras["images/a.png"]
    np.testing.assert_allclose(camera.position, position, atol=1e-9)
    ahead = np.array(position) - 2 * rotation[:, 2] + rotation[:, 1]  # OpenGL looks along -z, its y is up
    pixel, depth = camera.project(ahead[None])
    assert depth[0] == pytest.approx(2.0)
    np.testing.assert_allclose(pixel[0], [16.0, 12.0 - 31.0 / 2], atol=1e-6)


def test_a_scale_in_the_pose_is_taken_out(tmp_path: Path) -> None:
    pose = np.diag([3.0, 3.0, 3.0, 1.0])
    pose[:3, 3] = 1, 2, 3
    frames = [{"file_path": "a.png", "transform_matrix": pose.tolist()}]
    camera = read(tmp_path, ["a.png"], frames=frames).cameras["a.png"]
    np.testing.assert_allclose(camera.position, [1, 2, 3])
    np.testing.assert_allclose(np.abs(camera.viewmat[:3, :3]), np.eye(3))


def test_intrinsics_of_a_frame_override_those_of_all(tmp_path: Path) -> None:
    frames = [
        {"file_path": "a.png", "transform_matrix": np.eye(4).tolist()},
        {"file_path": "b.png", "transform_matrix": np.eye(4).tolist(), "fl_x": 99.0, "cx": 1.0, "w": 64, "h": 48},
    ]
    cameras = read(tmp_path, ["a.png", "b.png"], frames=frames).cameras
    assert cameras["a.png"].K[0, 0] == 30.0 and cameras["a.png"].K[0, 2] == 16.0
    assert cameras["b.png"].K[0, 0] == 99.0 and cameras["b.png"].K[0, 2] == 1.0 and cameras["b.png"].width == 64


def test_without_centre_and_size_the_image_decides(tmp_path: Path) -> None:
    camera = read(tmp_path, ["a.png"], cx=None, cy=None, w=None, h=None, fl_y=None).cameras["a.png"]
    assert (camera.width, camera.height) == (32, 24)
    np.testing.assert_allclose(camera.K, [[30, 0, 16], [0, 30, 12], [0, 0, 1]])


def blender(folder: Path, **splits: list[str]) -> Path:
    bare = dict.fromkeys(("camera_model", "fl_x", "fl_y", "cx", "cy", "w", "h"))
    for split, names in splits.items():
        transforms_capture(folder, names, f"transforms_{split}.json", camera_angle_x=1.0, **bare)
    return folder


def test_a_blender_capture_keeps_its_split_and_finds_names_without_suffix(tmp_path: Path) -> None:
    blender(tmp_path, train=["./train/r_0", "./train/r_1"], test=["./test/r_0"], val=["./val/r_0"])
    capture = load_capture(tmp_path)
    assert [view.name for view in capture.split("train")] == ["train/r_0.png", "train/r_1.png"]
    assert [view.name for view in capture.split("test")] == ["test/r_0.png"]
    assert capture.views[0].camera.K[0, 0] == pytest.approx(16.0 / math.tan(0.5))
    assert capture.views[0].background == (255, 255, 255)


def test_val_frames_are_held_out_where_there_are_no_test_frames(tmp_path: Path) -> None:
    assert load_capture(blender(tmp_path, train=["train/r_0"], val=["val/r_0"])).test_names == {"val/r_0.png"}


def test_a_split_that_nerfstudio_declares_is_kept(tmp_path: Path) -> None:
    names = ["images/a.png", "images/b.png", "images/c.png"]
    folder = transforms_capture(tmp_path, names, test_filenames=["./images/b.png"])
    assert load_capture(folder).test_names == {"images/b.png"}


def test_images_outside_the_folder_get_names_inside(tmp_path: Path) -> None:
    write_image(tmp_path / "pictures" / "a.png")
    assert list(read(tmp_path / "scene", ["../pictures/a.png"]).cameras) == ["pictures/a.png"]
    outside = str(write_image(tmp_path / "far" / "b.png"))
    assert list(read(tmp_path / "scene", [outside]).cameras) == ["b.png"]


def test_points_of_a_ply_are_read(tmp_path: Path) -> None:
    header = (
        "ply\nformat ascii 1.0\nelement vertex 1\nproperty float x\nproperty float y\nproperty float z\nend_header\n"
    )
    (tmp_path / "sparse_pc.ply").write_text(header + "1 2 3\n")
    np.testing.assert_array_equal(read(tmp_path, ["a.png"], ply_file_path="sparse_pc.ply").points, [[1, 2, 3]])
    assert len(read(tmp_path, ["a.png"], ply_file_path="gone.ply").points) == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"camera_model": "VR180_L"}, r"camera model VR180_L is unknown; splatseg reads .*export the cameras with one"),
        ({"k1": "a bit"}, "k1 is not a finite number"),
        ({"fl_x": None, "fl_y": None}, "no usable focal length"),
        ({"fl_x": -1.0}, "no usable focal length"),
        ({"fl_x": "thirty"}, "fl_x is not a finite number"),
        ({"w": 0}, "size 0x24 is impossible"),
        ({"frames": []}, "lists no frames"),
        ({"frames": [{"transform_matrix": []}]}, "frame 0 has no file_path"),
        ({"frames": [{"file_path": "a.png"}]}, "transform_matrix is not a 4x4"),
        (
            {"frames": [{"file_path": "a.png", "transform_matrix": np.zeros((4, 4)).tolist()}]},
            "does not hold a rotation",
        ),
        ({"frames": [{"file_path": "a.png", "transform_matrix": [[math.nan] * 4] * 4}]}, "finite numbers"),
        ({"frames": [{"file_path": "a.png", "transform_matrix": np.eye(4).tolist()}] * 2}, "'a.png' twice"),
    ],
)
def test_what_cannot_be_used_is_named(tmp_path: Path, content: dict[str, Any], message: str) -> None:
    with pytest.raises(CaptureError, match=message):
        read(tmp_path, ["a.png"], **content)


def test_zero_distortion_is_no_distortion(tmp_path: Path) -> None:
    assert len(read(tmp_path, ["a.png"], k1=0.0, k2=1e-12, p1=0).cameras) == 1


def test_absent_images_are_counted_and_named(tmp_path: Path) -> None:
    names = [f"images/{i}.png" for i in range(5)]
    folder = transforms_capture(tmp_path, names)
    for name in names[1:]:
        (folder / name).unlink()
    with pytest.raises(CaptureError, match=r"4 of 5 images .*1\.png.*2\.png.*3\.png.*4\.png; put"):
        load_capture(folder)


@given(st.data())
@settings(max_examples=80, deadline=None)
def test_a_file_cut_or_with_values_exchanged_gives_a_capture_error_or_cameras(data: st.DataObject) -> None:
    junk = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5) | st.lists(st.integers())
    with tempfile.TemporaryDirectory() as folder:
        path = transforms_capture(Path(folder), ["a.png"], ply_file_path="x.ply") / "transforms.json"
        content = json.loads(path.read_text())
        target = data.draw(st.sampled_from([content, content["frames"][0]]))
        target[data.draw(st.sampled_from([*target, "k1", "w", "camera_angle_x", "test_filenames"]))] = data.draw(junk)
        text = json.dumps(content)
        path.write_text(text[: data.draw(st.integers(0, len(text)) | st.just(len(text)))])
        try:
            load_capture(path)
        except CaptureError as error:
            assert folder in str(error)


def test_json_nested_without_end_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "transforms.json").write_text("[" * 200_000)
    with pytest.raises(CaptureError, match="not readable JSON"):
        load_capture(tmp_path)
