"""A capture with poses and without points gets points from its photographs."""

from __future__ import annotations

import json
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from textured_room import cameras, photograph

from splatseg.capture.capture import load_capture
from splatseg.capture.point_cloud import read_point_cloud
from splatseg.capture.transforms_json import write_transforms
from splatseg.cli.main import run
from splatseg.poses import child
from splatseg.poses.triangulate import triangulate
from splatseg.run.folder import open_run

COUNT = 8

needs_pycolmap = pytest.mark.skipif(find_spec("pycolmap") is None, reason="pycolmap is not installed")


def capture_without_points(folder: Path, blank: bool = False) -> Path:
    """Photographs of the room with their poses; blank ones show nothing."""
    (folder / "images").mkdir(parents=True)
    names = {}
    for number, camera in enumerate(cameras(COUNT)):
        picture = photograph(camera)
        Image.fromarray(np.full_like(picture, 90) if blank else picture).save(folder / "images" / f"{number:02d}.png")
        names[f"images/{number:02d}.png"] = camera
    write_transforms(folder / "transforms.json", names)
    return folder


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return capture_without_points(tmp_path_factory.mktemp("room") / "capture")


def train(capture: Path, folder: Path) -> int:
    return run(["train", str(capture), "-o", str(folder), "--iterations", "20", "--downscale", "2"])


@needs_pycolmap
def test_points_lie_on_the_walls_in_the_world_of_the_poses(capture: Path, tmp_path: Path) -> None:
    stages: list[str] = []
    views = load_capture(capture, test_every=0).views
    points, colors = triangulate(views, tmp_path / "work", lambda stage, done, total: stages.append(stage))
    assert len(points) > 300 and colors.shape == points.shape
    assert list(dict.fromkeys(stages)) == ["photographs", "features", "matches", "points"]
    walls = np.abs(np.stack([points[:, 1] - 1.0, points[:, 2] - 5.0, points[:, 0] + 3.0, points[:, 0] - 3.0]))
    assert np.quantile(walls.min(0), 0.9) < 0.05  # of a room 6 wide
    # What was found is kept, so work that was stopped goes on.
    again = triangulate(views, tmp_path / "work", lambda stage, done, total: None)
    assert len(again[0]) == len(points)


@needs_pycolmap
def test_nothing_is_found_where_pixels_are_ignored(capture: Path, tmp_path: Path) -> None:
    left = np.full((300, 400), 255, np.uint8)
    left[:, 200:] = 0
    moved = tmp_path / "capture"
    content = json.loads((capture / "transforms.json").read_text())
    Image.fromarray(left).convert("L").save(tmp_path / "left.png")
    for frame in content["frames"]:
        frame["file_path"] = str(capture / frame["file_path"])
        frame["mask_path"] = str(tmp_path / "left.png")
    moved.mkdir()
    (moved / "transforms.json").write_text(json.dumps(content))
    views = load_capture(moved, test_every=0).views
    points, _ = triangulate(views, tmp_path / "work", lambda stage, done, total: None)
    assert len(points) > 100
    pixels = np.stack([view.camera.project(points)[0][:, 0] for view in views])
    assert (pixels.min(axis=0) < 202).all()


@needs_pycolmap
def test_a_run_starts_from_them_and_keeps_them(capture: Path, tmp_path: Path) -> None:
    assert train(capture, tmp_path / "run") == 0
    found = open_run(tmp_path / "run")
    points, _ = read_point_cloud(found.points_path)
    assert len(points) > 100 and not found.matches_path.exists()
    assert not [row for row in found.metrics() if "random" in str(row.get("warning", ""))]


@needs_pycolmap
def test_photographs_that_show_nothing_are_told_and_start_from_random_points(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(capture_without_points(tmp_path / "capture", blank=True), tmp_path / "run") == 0
    assert "matching its photographs found 0, so the fit starts from random ones" in capsys.readouterr().err


def test_without_pycolmap_the_way_to_points_is_told(
    capture: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "find_spec", lambda name: None)
    assert train(capture, tmp_path / "run") == 0
    said = capsys.readouterr().err
    assert "so the fit starts from random ones" in said and 'pip install "splatseg[poses]"' in said
    assert not open_run(tmp_path / "run").points_path.exists()
