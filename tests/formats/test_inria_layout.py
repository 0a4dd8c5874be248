"""The folder that viewers of 3D Gaussian Splatting want: read by position, as some of them do, it is right."""

from __future__ import annotations

import ast
import json
from pathlib import Path

import numpy as np
import pytest
from scenes import colorful_splats, ring

from splatseg.capture.capture import Capture
from splatseg.capture.point_cloud import read_point_cloud
from splatseg.capture.view import View
from splatseg.errors import OutputError
from splatseg.formats.inria_layout import write_inria_layout


def small_capture() -> Capture:
    points = np.random.default_rng(0).normal(size=(7, 3)).astype(np.float32)
    colors = np.arange(21, dtype=np.uint8).reshape(7, 3)
    views = tuple(View(f"{i}.jpg", camera) for i, camera in enumerate(ring()))
    return Capture(Path("it's here"), views, points, colors, frozenset())


def test_the_splat_can_be_read_by_position(tmp_path: Path) -> None:
    splats = colorful_splats(degree=1)
    write_inria_layout(tmp_path / "out", splats, small_capture(), 7000)
    content = (tmp_path / "out/point_cloud/iteration_7000/point_cloud.ply").read_bytes()
    head, _, body = content.partition(b"end_header\n")
    assert head.count(b"property float") == 62 == head.count(b"property")
    rows = np.frombuffer(body, "<f4").reshape(300, 62)
    assert np.array_equal(rows[:, :3], splats.means.numpy()) and np.array_equal(rows[:, 6:9], splats.sh0.numpy())
    rest = rows[:, 9:54].reshape(300, 3, 15)
    assert np.array_equal(rest[:, :, :3].transpose(0, 2, 1), splats.shN.numpy()) and not rest[:, :, 3:].any()
    assert np.array_equal(rows[:, 54], splats.opacity_logits.numpy())
    assert np.array_equal(rows[:, 58:], splats.quats.numpy())


def test_a_camera_sees_a_point_where_ours_does(tmp_path: Path) -> None:
    capture = small_capture()
    write_inria_layout(tmp_path / "out", colorful_splats(), capture, 1)
    rows = json.loads((tmp_path / "out" / "cameras.json").read_text())
    point = np.array([[0.2, -0.3, 0.1]])
    for view, row in zip(capture.views, rows, strict=True):
        assert row["img_name"] == view.name
        local = (point - row["position"]) @ np.array(row["rotation"])  # R is camera to world
        seen = [row["fx"], row["fy"]] * local[0, :2] / local[0, 2] + [row["width"] / 2, row["height"] / 2]
        np.testing.assert_allclose(seen, view.camera.project(point)[0][0])


def test_points_and_settings_are_there(tmp_path: Path) -> None:
    capture = small_capture()
    write_inria_layout(tmp_path / "out", colorful_splats(), capture, 1)
    points, colors = read_point_cloud(tmp_path / "out" / "input.ply")
    assert np.array_equal(points, capture.points) and np.array_equal(colors, capture.point_colors)
    call = ast.parse((tmp_path / "out" / "cfg_args").read_text(), mode="eval").body
    assert isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id == "Namespace"
    values = {word.arg: ast.literal_eval(word.value) for word in call.keywords}
    assert values["sh_degree"] == 3 and values["source_path"].endswith("it's here")


def test_a_folder_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").write_text("precious")
    with pytest.raises(OutputError, match="exists and is not an empty folder; name a new one"):
        write_inria_layout(tmp_path / "out", colorful_splats(), small_capture(), 1)
    assert [path.name for path in tmp_path.rglob("*")] == ["out", "mine"]
