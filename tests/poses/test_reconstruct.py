"""Photographs without poses become a capture, in a process that may be stopped; what cannot be is told."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from textured_room import HEIGHT, WIDTH, cameras, photograph, write_photographs

import splatseg
from splatseg.capture.capture import load_capture
from splatseg.cli.main import run
from splatseg.poses import child as module
from splatseg.poses.worker import models_of

pytest.importorskip("pycolmap")

COUNT = 9


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with photographs, two of which do not belong, and the capture made of it."""
    folder = tmp_path_factory.mktemp("poses")
    write_photographs(folder / "photos", COUNT)
    Image.fromarray(np.full((HEIGHT, WIDTH, 3), 90, np.uint8)).save(folder / "photos" / "blank.png")
    Image.fromarray(photograph(cameras(COUNT)[3], seed=7)).save(folder / "photos" / "elsewhere.png")
    assert run(_command(folder)) == 0
    return folder


def _command(folder: Path) -> list[str]:
    return ["capture", str(folder / "photos"), "-o", str(folder / "capture"), "--camera", "SIMPLE_PINHOLE"]


def test_photographs_get_the_poses_they_were_taken_from(made: Path) -> None:
    views = load_capture(made / "capture").views
    assert [view.name for view in views] == [f"{i:02d}.jpg" for i in range(COUNT)]
    known = cameras(COUNT)
    # Angles between the views' axes, and distances in shares of the longest, need no common world.
    axes = np.stack([[view.camera.viewmat[2, :3] for view in views], [camera.viewmat[2, :3] for camera in known]])
    found, true = (np.degrees(np.arccos(np.clip(a @ a.T, -1, 1))) for a in axes)
    assert np.median(np.abs(found - true)) < 0.4
    places = [np.array([camera.position for camera in part]) for part in ([v.camera for v in views], known)]
    distances = [np.linalg.norm(p[:, None] - p[None], axis=2) for p in places]
    assert np.abs(distances[0] / distances[0].max() - distances[1] / distances[1].max()).max() < 0.02
    assert views[0].camera.K[0, 0] == pytest.approx(known[0].K[0, 0], rel=0.02)


def test_those_that_have_none_are_named_with_the_reason(made: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(_command(made)) == 0
    said = capsys.readouterr()
    assert "9 of 11 photographs have poses" in said.out
    assert "blank.png has no pose: it has 0 features: blurred, dark, or of something plain" in said.err
    assert "elsewhere.png has no pose: it shares nothing with any other photograph" in said.err
    record = json.loads((made / "capture" / "poses" / "poses.json").read_text())
    assert record["registered"] == 9 and {row["name"] for row in record["left_out"]} == {"blank.png", "elsewhere.png"}


def test_work_that_was_stopped_goes_on_and_ends_the_same(made: Path, tmp_path: Path) -> None:
    shutil.copytree(made / "photos", tmp_path / "photos")
    shutil.copytree(made / "capture", tmp_path / "capture")
    before = load_capture(made / "capture").views
    shutil.rmtree(tmp_path / "capture" / "sparse")
    with sqlite3.connect(tmp_path / "capture" / "poses" / "database.db") as database:  # as if stopped while matching
        features = database.execute("SELECT SUM(rows) FROM keypoints").fetchone()
        database.execute("DELETE FROM two_view_geometries WHERE pair_id % 3 = 0")
        database.execute("DELETE FROM matches WHERE pair_id % 3 = 0")
    database.close()
    assert run(_command(tmp_path)) == 0
    # Matches are verified with random samples, in whatever order they come.
    after = load_capture(tmp_path / "capture").views
    assert [view.name for view in after] == [view.name for view in before]
    np.testing.assert_allclose(after[0].camera.K, before[0].camera.K, rtol=0.01)
    with sqlite3.connect(tmp_path / "capture" / "poses" / "database.db") as database:
        assert database.execute("SELECT SUM(rows) FROM keypoints").fetchone() == features
    database.close()
    assert not [path for path in (tmp_path / "capture").rglob("*") if path.name.endswith(".part")]


def test_the_capture_of_photographs_is_fitted_as_any_other(made: Path, tmp_path: Path) -> None:
    assert run(["train", str(made / "capture"), "-o", str(tmp_path / "run"), "--iterations", "100"]) == 0
    assert splatseg.open(tmp_path / "run").views[0].name == "00.jpg"


def test_other_photographs_in_a_folder_that_was_begun_are_refused(
    made: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (made / "others").mkdir(exist_ok=True)
    for i in range(3):
        shutil.copy(made / "photos" / f"{i:02d}.jpg", made / "others" / f"{i:02d}.jpg")
    command = _command(made)
    assert run([*command[:1], str(made / "others"), *command[2:]]) == 2
    assert "was begun with other photographs; name another folder with -o, or remove it" in capsys.readouterr().err
    assert run([*command[:-1], "OPENCV"]) == 2
    assert "was begun with another --camera" in capsys.readouterr().err


def test_photographs_that_do_not_belong_together_leave_no_model_and_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "photos").mkdir()
    for seed in range(3):
        Image.fromarray(photograph(cameras(3)[0], seed)).save(tmp_path / "photos" / f"{seed}.jpg")
    assert run(_command(tmp_path)) == 2
    assert "no poses came out of the 3 photographs in" in capsys.readouterr().err
    assert not (tmp_path / "capture" / "sparse" / "0").exists()


def test_without_pycolmap_the_extra_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "find_spec", lambda name: None)
    assert run(["capture", str(tmp_path), "-o", str(tmp_path / "out")]) == 2
    assert 'poses need pycolmap; install it with: pip install "splatseg[poses]"' in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_child_that_ends_is_told_with_its_log(made: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(made / "photos", tmp_path / "photos")
    (tmp_path / "capture" / "poses").mkdir(parents=True)
    (tmp_path / "capture" / "poses" / "database.db").write_bytes(b"this is no database" * 99)
    assert run(_command(tmp_path)) == 2
    assert "before it was done; what it said is in" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("source", "more", "said"),
    [
        ("nowhere", [], "there is no"),
        ("notes.txt", [], "is neither a folder of photographs nor a video (.mp4, .mov"),
        ("empty", [], "holds no photographs, and poses need 3 or more; found: it is empty"),
        ("empty", ["--camera", "EQUIRECTANGULAR"], "--camera EQUIRECTANGULAR is no lens that poses are found for"),
        (
            "empty",
            ["--camera", "FISH"],
            "--camera FISH is no lens that poses are found for; take one of SIMPLE_",
        ),
    ],
)
def test_what_cannot_be_is_said_before_anything_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], source: str, more: list[str], said: str
) -> None:
    (tmp_path / "notes.txt").write_text("notes")
    (tmp_path / "empty").mkdir()
    assert run(["capture", str(tmp_path / source), "-o", str(tmp_path / "out"), *more]) == 2
    assert said in capsys.readouterr().err and not (tmp_path / "out").exists()


def test_a_photograph_in_two_models_belongs_to_the_larger() -> None:
    assert models_of([["a", "b", "c"], ["c", "d"], []]) == {"a": 0, "b": 0, "c": 0, "d": 1}
