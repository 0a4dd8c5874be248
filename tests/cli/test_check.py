"""`splatseg check`, and the same before `train`: what does not belong together is told before anything is written."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from capture_files import colmap_capture

from splatseg.capture.capture import load_capture
from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture
from splatseg.formats.ply.ply import write_ply
from splatseg.splats.half_turn import half_turn
from splatseg.splats.initialise import splats_from_points


@pytest.fixture(scope="module")
def shifted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's masks, each under the name of the next view."""
    folder = tmp_path_factory.mktemp("shifted")
    files = sorted((demo_capture() / "masks").iterdir())
    for file, named in zip(files, [*files[1:], files[0]], strict=True):
        shutil.copy(file, folder / named.name)
    return folder


def test_what_belongs_together_is_said_in_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(demo_capture()), "--masks", str(demo_capture() / "masks")]) == 0
    assert capsys.readouterr().out.endswith("masks of 64 views: they belong together\n")


def test_masks_of_other_views_are_an_error(shifted: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", str(demo_capture()), "--masks", str(shifted)]) == 2
    assert "of 12 views fit their own photograph better than those of other views" in capsys.readouterr().err


def test_a_splat_in_another_world_is_told_and_brought_back(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    demo = load_capture(demo_capture())
    splats = splats_from_points(demo.points, demo.point_colors)
    write_ply(tmp_path / "turned.ply", half_turn(splats, 0))
    assert run(["check", str(demo_capture()), "--splats", str(tmp_path / "turned.ply")]) == 0
    shown = capsys.readouterr()
    assert "it was brought back, turned to the capture's axes: 8 of 8 recognise it" in shown.err
    assert shown.out.endswith("1 thing to look at, see above\n")


def test_training_does_not_begin_with_what_is_refused_unless_it_is_forced(
    shifted: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["train", str(demo_capture()), "-o", str(tmp_path / "run"), "--masks", str(shifted), "--iterations", "5"]
    assert run([*command, "--downscale", "4"]) == 2
    assert "--force goes on all the same" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
    assert run([*command, "--downscale", "4", "--force"]) == 0
    assert "fit their own photograph" in (tmp_path / "run" / "metrics.jsonl").read_text(), "the report shows it"


def test_commands_work_with_the_photographs_that_are_there_if_that_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capture = colmap_capture(tmp_path / "room", [f"{i}.png" for i in range(9)])
    for i in range(5, 9):
        (capture / "images" / f"{i}.png").unlink()
    masks = ["masks", str(capture), "-o", str(tmp_path / "masks")]
    for command in (["check", str(capture)], masks):
        assert run(command) == 2
        said = capsys.readouterr().err
        assert "4 of 9 images" in said and "5.png, 6.png, 7.png, 8.png; put them there, or leave them out with" in said
        assert run([*command, "--skip-missing"]) == 0
        assert "4 of 9 images named in" in (shown := capsys.readouterr()).err and "are absent and left out" in shown.err
    assert sorted(path.stem for path in (tmp_path / "masks").glob("*.json")) == ["0", "1", "2", "3", "4", "masks"]
    assert run(["info", str(capture)]) == 0
    assert "absent images  4: 5.png, 6.png, 7.png, 8.png" in capsys.readouterr().out
