"""Masks that cannot be read are told before a fit begins, and leave no run behind."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture
from splatseg.run.folder import open_run


@pytest.fixture
def damaged(tmp_path: Path) -> Path:
    """The embedded masks, two of them cut off."""
    masks = tmp_path / "masks"
    shutil.copytree(demo_capture() / "masks", masks)
    for name in ("004.png", "021.png"):
        (masks / name).write_bytes((masks / name).read_bytes()[:60])
    return masks


@pytest.mark.parametrize("option", ["--masks", "--true-masks"])
def test_a_fit_does_not_begin_with_masks_that_cannot_be_read(
    damaged: Path, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    more = ["--masks", str(demo_capture() / "masks")] if option == "--true-masks" else []
    given = [*more, option, str(damaged), "--downscale", "4", "--iterations", "20"]
    assert run(["train", str(demo_capture()), "-o", str(tmp_path / "run"), *given]) == 2
    told = capsys.readouterr().err
    assert "004.png cannot be read" in told and "the same goes for the masks of 1 more views" in told
    assert not (tmp_path / "run").exists()


def test_a_run_keeps_its_settings_when_other_masks_cannot_be_read(
    damaged: Path, tmp_path: Path, small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shutil.copytree(small_run, tmp_path / "run")
    before = open_run(tmp_path / "run").settings
    assert run(["segment", str(tmp_path / "run"), "--masks", str(damaged)]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert open_run(tmp_path / "run").settings == before


def test_masks_of_no_view_are_told_if_views_lack_masks(
    tmp_path: Path, small_run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    masks = tmp_path / "masks"
    shutil.copytree(demo_capture() / "masks", masks)
    shutil.copy(masks / "004.png", masks / "left_004.png")
    (masks / "004.png").rename(masks / "right_004.png")
    frozen = ["--splats", str(small_run / "splats.ply"), "--downscale", "4"]
    command = ["train", str(demo_capture()), "-o", str(tmp_path / "run"), "--masks", str(masks), *frozen]
    assert run(command) == 2
    assert "not told apart by their names: left_004, right_004 may be of 004.jpg; name each" in capsys.readouterr().err
    (masks / "left_004.png").rename(masks / "left.png")
    (masks / "right_004.png").rename(masks / "right.png")
    assert run(command) == 0
    told = capsys.readouterr().err
    assert "2 masks in" in told and "left, right" in told and "1 of 64 views have no mask there (004.jpg)" in told
