"""A run knows its cameras when its capture is elsewhere, and is told where that is."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from capture_files import colmap_capture

from splatseg.capture.capture import load_capture
from splatseg.errors import CaptureError, RunError
from splatseg.run.create import create_run
from splatseg.run.folder import Run, open_run
from splatseg.run.kept_cameras import CAMERAS, differing, keep_cameras, moved_with
from splatseg.run.moved_capture import move_capture
from splatseg.run.settings import CaptureSettings, RunSettings

NAMES = [f"{number:03d}.jpg" for number in range(9)]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    folder = colmap_capture(tmp_path / "room", NAMES)
    masks = folder / "outlines"
    masks.mkdir()
    settings = RunSettings.of(CaptureSettings(str(folder)), masks=str(masks))
    run = create_run(tmp_path / "runs" / "run", settings)
    keep_cameras(run.path, load_capture(folder))
    return run


def test_cameras_come_back_to_the_bit_without_their_capture(tmp_path: Path, run: Run) -> None:
    before = load_capture(tmp_path / "room")
    (tmp_path / "room").rename(tmp_path / "elsewhere")
    after = open_run(run.path).capture
    assert [view.name for view in after.views] == NAMES and after.test_names == before.test_names
    for one, other in zip(before.views, after.views, strict=True):
        np.testing.assert_array_equal(one.camera.viewmat, other.camera.viewmat)
        np.testing.assert_array_equal(one.camera.K, other.camera.K)


def test_a_photograph_that_is_gone_says_how_to_get_it_back(tmp_path: Path, run: Run) -> None:
    (tmp_path / "room").rename(tmp_path / "elsewhere")
    opened = open_run(run.path)
    with pytest.raises(CaptureError, match=r"room, which is not there; .*--capture DIR.*config\.yaml"):
        opened.capture.views[0].image()
    with pytest.raises(CaptureError, match="--capture DIR"):
        opened.require_photographs()


def test_a_capture_that_moved_with_its_run_is_found(tmp_path: Path, run: Run) -> None:
    shutil.copytree(tmp_path, tmp_path.parent / "copy")
    shutil.rmtree(tmp_path / "room")
    opened = open_run(tmp_path.parent / "copy" / "runs" / "run")
    opened.require_photographs()
    assert opened.capture.path == (tmp_path.parent / "copy" / "room").resolve()


def test_the_place_of_a_capture_and_of_masks_in_it_is_remembered(tmp_path: Path, run: Run) -> None:
    (tmp_path / "room").rename(tmp_path / "elsewhere")
    moved = move_capture(open_run(run.path), tmp_path / "elsewhere")
    moved.require_photographs()
    again = open_run(run.path)
    assert again.settings == moved.settings
    assert again.settings.masks[0].path == str(tmp_path / "elsewhere" / "outlines")


def test_another_capture_is_not_taken_for_the_runs_own(tmp_path: Path, run: Run) -> None:
    settings = (run.path / "config.yaml").read_bytes()
    other = colmap_capture(tmp_path / "other", NAMES, width=64, height=48)
    with pytest.raises(CaptureError, match=r"9 of the 9 views that .* was made with are not in .*other"):
        move_capture(open_run(run.path), other)
    with pytest.raises(CaptureError, match="there is no capture at"):
        move_capture(open_run(run.path), tmp_path / "nowhere")
    assert (run.path / "config.yaml").read_bytes() == settings
    shutil.rmtree(tmp_path / "room")
    colmap_capture(tmp_path / "room", NAMES[:4])
    with pytest.raises(CaptureError, match="5 of the 9 views"):
        _ = open_run(run.path).capture


def test_a_run_of_an_earlier_version_without_cameras_says_what_to_do(tmp_path: Path, run: Run) -> None:
    (run.path / CAMERAS).unlink()
    assert len(open_run(run.path).capture.views) == 9
    (tmp_path / "room").rename(tmp_path / "elsewhere")
    with pytest.raises(CaptureError, match="--capture DIR"):
        _ = open_run(run.path).capture


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda rows: rows["views"].clear(), "it lists no views"),
        (lambda rows: rows["views"][2].pop("K"), "view 3 has no K"),
        (lambda rows: rows["views"][0]["viewmat"].pop(), "a matrix of 4 rows"),
        (lambda rows: rows["views"][0].update(width=10**9), "width"),
        (lambda rows: rows.update(views=7), "a list"),
    ],
)
def test_damaged_cameras_are_told_by_their_field(tmp_path: Path, run: Run, change: object, said: str) -> None:
    rows = json.loads((run.path / CAMERAS).read_text())
    change(rows)  # type: ignore[operator]
    (run.path / CAMERAS).write_text(json.dumps(rows))
    (tmp_path / "room").rename(tmp_path / "elsewhere")
    with pytest.raises(RunError, match=said):
        _ = open_run(run.path).capture


@pytest.mark.parametrize("place", ["x" * 5000, "a\0b", "../nowhere", ""])
def test_a_place_where_no_capture_can_be_is_none(run: Run, place: str) -> None:
    rows = json.loads((run.path / CAMERAS).read_text())
    (run.path / CAMERAS).write_text(json.dumps(rows | {"capture": place}))
    found = moved_with(run.path)
    assert found is None or found == run.path


def test_equal_cameras_do_not_differ(tmp_path: Path, run: Run) -> None:
    capture = load_capture(tmp_path / "room")
    assert differing(capture, capture) == 0
    assert differing(load_capture(tmp_path / "room", downscale=2), capture) == 9
