"""`splatseg render --path`: a film along a path, of a run or of a splat file."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from mp4_boxes import boxes, numbers
from PIL import Image

from splatseg.capture.capture import load_capture
from splatseg.capture.transforms_json import write_transforms
from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture
from splatseg.jobs.film import cameras_of_film
from splatseg.requests.filming import Film
from splatseg.run.folder import open_run

QUICK = ["--seconds", "0.5", "--fps", "10"]


@pytest.mark.parametrize("path", ["orbit", "capture"])
def test_a_film_of_segments_has_its_length_and_the_capture_s_shape(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], path: str
) -> None:
    film = tmp_path / "film.mp4"
    arguments = ["render", str(small_run), "--what", "segments", "--path", path, "-o", str(film), "--codec", "av1"]
    assert run([*arguments, *QUICK]) == 0
    assert "AV1, 5 frames of 80x60, 0.5 s" in capsys.readouterr().out
    found = boxes(film.read_bytes())
    assert numbers("4I", found["stts"]) == (0, 1, 5, 1) and numbers("2H", found["av01"], 24) == (80, 60)


def test_segments_keep_their_colours_through_the_film(small_run: Path, tmp_path: Path) -> None:
    arguments = ["render", str(small_run), "--what", "segments", "--path", "orbit", "-o", str(tmp_path / "film")]
    assert run([*arguments, *QUICK]) == 0
    known = {*open_run(small_run).segment_colors().values(), (32, 34, 38)}
    pictures = [np.asarray(Image.open(file)) for file in sorted((tmp_path / "film").iterdir())]
    assert len(pictures) == 5
    assert {tuple(color) for picture in pictures for color in picture.reshape(-1, 3).tolist()} <= known


@pytest.mark.parametrize("what", ["rgb", "overlay", "features", "depth", "masks"])
def test_all_that_can_be_rendered_can_be_filmed(small_run: Path, tmp_path: Path, what: str) -> None:
    segment = ["--segment", "1"] if what == "masks" else []
    arguments = ["render", str(small_run), "--what", what, "--path", "orbit", "-o", str(tmp_path / "film.gif")]
    assert run([*arguments, *segment, *QUICK, "--size", "64x48"]) == 0
    with Image.open(tmp_path / "film.gif") as picture:
        assert (picture.n_frames, picture.size) == (5, (64, 48))


def test_keyframes_are_met_and_need_no_capture(small_run: Path, tmp_path: Path) -> None:
    views = load_capture(demo_capture()).views[:3]
    write_transforms(tmp_path / "path.json", {f"{index}": view.camera for index, view in enumerate(views)})
    opened = open_run(small_run)
    cameras = cameras_of_film(opened, opened.splats(), Film(str(tmp_path / "path.json"), seconds=1, fps=9))
    assert len(cameras) == 9 and (cameras[0].width, cameras[0].height) == (320, 240)
    assert np.allclose(cameras[0].viewmat, views[0].camera.viewmat)
    assert np.allclose(cameras[-1].viewmat, views[2].camera.viewmat)
    moved = tmp_path / "run"
    shutil.copytree(small_run, moved)
    settings = (moved / "config.yaml").read_text().replace(str(demo_capture()), str(tmp_path / "gone"))
    (moved / "config.yaml").write_text(settings)
    arguments = ["render", str(moved), "--what", "rgb", "--path", str(tmp_path / "path.json")]
    assert run([*arguments, "-o", str(tmp_path / "film"), *QUICK, "--size", "32x24"]) == 0
    assert len(list((tmp_path / "film").iterdir())) == 5


def test_a_splat_file_is_filmed_without_a_capture(small_run: Path, tmp_path: Path) -> None:
    arguments = ["render", str(small_run / "splats.ply"), "--what", "segments", "--path", "orbit", "--up", "z"]
    assert run([*arguments, "-o", str(tmp_path / "film"), *QUICK, "--size", "48x32"]) == 0
    pictures = [np.asarray(Image.open(file)) for file in sorted((tmp_path / "film").iterdir())]
    assert len(pictures) == 5 and all(len(np.unique(picture.reshape(-1, 3), axis=0)) > 2 for picture in pictures)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--what", "rgb", "--path", "orbit", "-o", "film.avi"], ".avi is not a film format"),
        (["--what", "rgb", "--path", "nowhere.json", "-o", "film.mp4"], "there is nothing at nowhere.json"),
        (["--what", "rgb", "--path", "orbit", "--split", "all", "-o", "film.mp4"], "leave --split out"),
        (["--what", "rgb", "--path", "orbit", "--cameras", "x", "-o", "film.mp4"], "leave --cameras out"),
        (["--what", "rgb", "--path", "orbit", "--size", "big", "-o", "film.mp4"], "such as 1280x720, got 'big'"),
        (["--what", "rgb", "--path", "orbit", "--size", "9x9", "-o", "film.mp4"], "from 16 to 8192 pixels a side"),
        (["--what", "rgb", "--path", "orbit", "--seconds", "0", "-o", "film.mp4"], "up to 3600 seconds"),
        (
            ["--what", "rgb", "--path", "orbit", "--up", "z", "-o", "film.mp4"],
            "--up applies only to an orbit of a splat file",
        ),
        (["--what", "rgb", "--path", "orbit", "--segment", "1", "-o", "film.mp4"], "--segment chooses masks"),
        (["--what", "rgb", "--path", "orbit", "--antialias", "-o", "film.mp4"], "--antialias applies to"),
        (["--what", "masks", "--path", "orbit", "-o", "film.mp4"], "name them with --segment ID"),
        (["--what", "rgb", "-o", "film.mp4"], "film.mp4 is a film; name the path of its camera"),
        (["--what", "rgb", "--fps", "5", "-o", "pictures"], "--fps is for films"),
        (["--what", "rgb", "--draft", "-o", "pictures"], "--draft is for films"),
    ],
)
def test_what_does_not_go_together_is_a_sentence_and_leaves_nothing(
    small_run: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    arguments: list[str],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert run(["render", str(small_run), *arguments]) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


def test_a_single_keyframe_is_no_path(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_transforms(tmp_path / "one.json", {"0": load_capture(demo_capture()).views[0].camera})
    arguments = ["render", str(small_run), "--what", "rgb", "--path", str(tmp_path / "one.json")]
    assert run([*arguments, "-o", str(tmp_path / "film.mp4")]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert "one.json: a path needs at least two different keyframes, and there is one" in said


def test_a_splat_file_has_no_views(small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = str(small_run / "splats.ply")
    assert run(["render", file, "--what", "rgb", "-o", str(tmp_path / "out")]) == 2
    assert "comes without views to render; film it with --path orbit" in " ".join(capsys.readouterr().err.split())
    assert run(["render", file, "--what", "rgb", "--path", "capture", "-o", str(tmp_path / "out")]) == 2
    assert "comes without a capture to film along" in " ".join(capsys.readouterr().err.split())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["film.mp4", "film.gif", "film.webp", "film", "pictures"])
def test_a_place_that_cannot_be_written_to_is_told(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str
) -> None:
    (tmp_path / "file").write_text("not a folder")
    path = [] if name == "pictures" else ["--path", "orbit", "--size", "16x16", *QUICK]
    assert run(["render", str(small_run), "--what", "rgb", "-o", str(tmp_path / "file" / name), *path]) == 2
    said = " ".join(capsys.readouterr().err.split())
    assert f"file/{name} cannot be written (" in said and "; name another place" in said
    assert [found.name for found in tmp_path.iterdir()] == ["file"]
