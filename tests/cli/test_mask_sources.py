"""Several folders of masks with weights, and true masks of some views, on the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture
from splatseg.files import write_png
from splatseg.run.folder import open_run
from splatseg.segments.segments_json import read_segments
from splatseg.votes.file import read_votes

MASKS = demo_capture() / "masks"
DRAWN = ("011.png", "043.png")
"""Training views of which a person draws what stands in the ground truth."""


def train(output: Path, small_run: Path, *more: str) -> int:
    """Segment the geometry of the small run, which takes a few seconds."""
    frozen = ["--splats", str(small_run / "splats.ply"), "--downscale", "4"]
    return run(["train", str(demo_capture()), "-o", str(output), *frozen, *more])


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Masks of half of the views, as of a second model, and true masks of two views."""
    second, drawn = tmp_path_factory.mktemp("second"), tmp_path_factory.mktemp("drawn")
    for path in sorted(MASKS.glob("*.png"))[::2]:
        shutil.copy(path, second)
    for name in DRAWN:
        shutil.copy(demo_capture() / "gt" / "instance" / name, drawn)
    return second, drawn


@pytest.fixture(scope="module")
def led(small_run: Path, folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    second, drawn = folders
    output = tmp_path_factory.mktemp("led") / "run"
    given = ["--masks", str(MASKS), "--masks", f"{second}=2.5", "--true-masks", str(drawn)]
    assert train(output, small_run, *given) == 0
    return output


def test_a_run_remembers_its_folders_of_masks_and_their_weights(led: Path, folders: tuple[Path, Path]) -> None:
    settings = open_run(led).settings
    assert [str(folder) for folder in settings.masks] == [str(MASKS), f"{folders[0]}=2.5"]
    assert settings.true_masks == str(folders[1])
    votes = read_votes(led / "votes.safetensors")
    assert votes.true_of is not None and votes.weight_of is not None
    named = np.array(votes.views)[votes.view_of]
    assert set(named[votes.true_of]) == {name.replace(".png", ".jpg") for name in DRAWN}
    assert set(votes.weight_of[~votes.true_of]) == {1.0, 2.5}


def test_a_run_with_several_folders_resumes_with_the_same_and_refuses_others(
    led: Path, small_run: Path, folders: tuple[Path, Path], capsys: pytest.CaptureFixture[str]
) -> None:
    given = ["--masks", str(MASKS), "--masks", f"{folders[0]}=2.5", "--true-masks", str(folders[1])]
    assert train(led, small_run, *given, "--resume") == 0
    assert train(led, small_run, "--masks", str(MASKS), *given[4:], "--resume") == 2
    assert "started with other settings (masks)" in " ".join(capsys.readouterr().err.split())


def test_true_masks_of_two_views_part_what_the_masks_of_all_others_show_as_one(
    small_run: Path, folders: tuple[Path, Path], tmp_path: Path
) -> None:
    for path in MASKS.glob("*.png"):
        write_png(tmp_path / "one" / path.name, (np.asarray(Image.open(path)) > 0).astype(np.uint8))
    assert train(tmp_path / "run", small_run, "--masks", str(tmp_path / "one")) == 0
    before = len(read_segments(tmp_path / "run" / "segments.json"))
    assert run(["segment", str(tmp_path / "run"), "--true-masks", str(folders[1])]) == 0
    after = read_segments(tmp_path / "run" / "segments.json")
    assert before <= 3 and len(after) >= before + 5


def test_a_method_that_takes_no_weights_says_so(led: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    shutil.copytree(led, tmp_path / "run")
    assert run(["segment", str(tmp_path / "run"), "--method", "paper", "--iterations", "20"]) == 0
    assert "the method paper trains on all masks alike" in " ".join(capsys.readouterr().err.split())


def test_a_run_is_segmented_again_without_its_true_masks(led: Path, tmp_path: Path) -> None:
    shutil.copytree(led, tmp_path / "run")
    assert run(["segment", str(tmp_path / "run"), "--true-masks", "none"]) == 0
    again = open_run(tmp_path / "run")
    assert again.settings.true_masks is None and again.settings.masks == open_run(led).settings.masks
    assert read_votes(again.votes_path).true_of is None


def test_a_run_that_one_folder_made_still_opens(led: Path, tmp_path: Path) -> None:
    shutil.copytree(led, tmp_path / "run")
    text = (tmp_path / "run" / "config.yaml").read_text()
    start, end = text.index("masks:"), text.index("method:")
    (tmp_path / "run" / "config.yaml").write_text(f"{text[:start]}masks: {MASKS}\n{text[end:]}")
    old = open_run(tmp_path / "run")
    assert [str(folder) for folder in old.settings.masks] == [str(MASKS)] and old.masks().read(old.capture.views[0])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--masks", f"{MASKS}=heavy"], "have the weight 'heavy'; give a number above 0, as in"),
        (["--masks", f"{MASKS}=0"], "have the weight '0'; give a number above 0, as in"),
        (["--masks", str(MASKS), "--masks", f"{MASKS}=2"], "are given twice; give each folder once, with its weight"),
        (["--masks", str(MASKS), "--true-masks", str(MASKS)], "are given twice"),
        (["--masks", str(MASKS), "--masks", "gone=2"], "there is no folder of masks:"),
        (["--true-masks", str(MASKS)], "lead other masks, and there are none; give those too"),
    ],
)
def test_masks_that_cannot_be_are_told_before_anything_is_written(
    given: list[str], said: str, small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(tmp_path / "run", small_run, *given) == 2
    assert said in " ".join(capsys.readouterr().err.split())
    assert not (tmp_path / "run").exists()
