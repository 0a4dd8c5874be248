"""`--masks auto`: a capture without masks gets proposals from its photographs, and with them segments."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture


def train(folder: Path, *more: str) -> int:
    names = folder.parent / "names.txt"
    names.write_text("\n".join(f"{i:03}.jpg" for i in range(1, 8)))
    small = ["--downscale", "8", "--iterations", "30", "--train-views", str(names)]
    return run(["train", str(demo_capture()), "-o", str(folder), *small, *more])


def test_a_capture_without_masks_gets_segments_from_its_photographs_alone(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert train(folder, "--masks", "auto") == 0
    proposals = sorted(folder.glob("proposals/0*.json"))
    assert [path.stem for path in proposals] == [f"{i:03}" for i in range(1, 8)], "of the training views, no others"
    assert (folder / "segments.json").exists() and (folder / "votes.safetensors").exists()
    assert "- path: auto" in (folder / "config.yaml").read_text()
    before = {path: path.stat().st_mtime_ns for path in proposals}
    (folder / "segments.json").unlink()
    assert train(folder, "--masks", "auto", "--resume") == 0
    assert {path: path.stat().st_mtime_ns for path in proposals} == before, "what is there is not made again"


def test_a_run_without_masks_can_be_segmented_by_proposals_later(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert train(folder) == 0
    assert not (folder / "proposals").exists() and not (folder / "segments.json").exists()
    assert run(["segment", str(folder), "--masks", "auto"]) == 0
    assert len(list(folder.glob("proposals/0*.json"))) == 7 and (folder / "segments.json").exists()
    assert run(["segment", str(folder)]) == 0, "and again by the same"
    record = json.loads((folder / "proposals" / "masks.json").read_text())
    assert "Gaussians" in record["surface"], "the fitted splat's surface helps"


def test_proposals_of_a_surface_that_is_no_more_are_made_anew(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert train(folder, "--masks", "auto") == 0
    path = folder / "proposals" / "masks.json"
    record = json.loads(path.read_text())
    path.write_text(json.dumps(record | {"surface": "1 Gaussians, 00000000"}))
    (folder / "proposals" / "001.json").unlink()
    assert run(["segment", str(folder), "--masks", "auto"]) == 0
    assert json.loads(path.read_text())["surface"] == record["surface"]
    assert len(list(folder.glob("proposals/0*.json"))) == 7


def test_a_refined_run_keeps_the_proposals_it_was_refined_by(tmp_path: Path) -> None:
    folder, refined = tmp_path / "run", tmp_path / "refined"
    assert train(folder, "--masks", "auto") == 0
    assert run(["refine", str(folder), "-o", str(refined)]) == 0
    assert len(list(refined.glob("proposals/0*.json"))) == 7 and (refined / "report.html").exists()
    assert not list(tmp_path.glob(".*"))


def test_merge_trees_decide_with_masks_and_without_them_masks_decide_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert train(folder, "--masks", "auto") == 0
    fused = (folder / "hierarchy.safetensors").read_bytes()
    assert sorted(path.stem for path in folder.glob("proposals/trees/*")) == [f"{i:03}" for i in range(1, 8)]
    given = tmp_path / "given"
    shutil.copytree(folder / "proposals", given)
    assert run(["segment", str(folder), "--masks", str(given)]) == 0
    assert (folder / "hierarchy.safetensors").read_bytes() == fused, "the same masks from another folder"
    shutil.rmtree(given / "trees")
    assert run(["segment", str(folder), "--masks", str(given)]) == 0
    alone = (folder / "hierarchy.safetensors").read_bytes()
    assert alone != fused
    shutil.rmtree(folder / "proposals" / "trees")
    capsys.readouterr()
    assert run(["segment", str(folder), "--masks", "auto"]) == 0
    assert (folder / "hierarchy.safetensors").read_bytes() == alone
    assert "lacks merge trees" in "".join(capsys.readouterr())


def test_trees_of_masks_beside_others_and_of_corrected_ones_do_not_count(tmp_path: Path) -> None:
    folder, true = tmp_path / "run", tmp_path / "true"
    assert train(folder, "--masks", "auto") == 0
    true.mkdir()
    shutil.copy(demo_capture() / "masks" / "001.png", true)
    assert run(["segment", str(folder), "--masks", "auto", "--true-masks", str(true)]) == 0
    led = (folder / "hierarchy.safetensors").read_bytes()
    shutil.rmtree(folder / "proposals" / "trees")
    assert run(["segment", str(folder), "--masks", "auto", "--true-masks", str(true)]) == 0
    assert (folder / "hierarchy.safetensors").read_bytes() == led


def test_a_damaged_file_of_trees_is_told_and_leaves_the_run_as_it_was(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    assert train(folder, "--masks", "auto") == 0
    before = (folder / "segments.json").read_bytes()
    (folder / "proposals" / "trees" / "003.safetensors").write_bytes(b"nothing")
    assert run(["segment", str(folder), "--masks", "auto"]) == 2
    assert "003.safetensors" in capsys.readouterr().err
    assert (folder / "segments.json").read_bytes() == before


def test_overwriting_a_run_removes_its_proposals(tmp_path: Path) -> None:
    folder = tmp_path / "run"
    assert train(folder, "--masks", "auto") == 0
    assert train(folder, "--overwrite") == 0
    assert not (folder / "proposals").exists()


def test_a_flat_capture_is_told_that_no_mask_was_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from PIL import Image

    capture = tmp_path / "capture"
    shutil.copytree(demo_capture(), capture, ignore=shutil.ignore_patterns("masks", "gt"))
    for path in (capture / "images").iterdir():
        Image.fromarray(np.full((480, 640, 3), 90, np.uint8)).save(path)
    names = tmp_path / "names.txt"
    names.write_text("001.jpg\n002.jpg")
    arguments = ["train", str(capture), "-o", str(tmp_path / "run"), "--masks", "auto", "--train-views", str(names)]
    assert run([*arguments, "--downscale", "8", "--iterations", "10"]) == 2
    assert "mask" in capsys.readouterr().err
