"""Every command does what its help says, on one small run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatseg.cli.main import run
from splatseg.demo import demo_capture
from splatseg.splats import read_ply

VIEWS = 64
HELD_OUT = 8


def test_a_finished_run_explains_itself(small_run: Path) -> None:
    names = {path.name for path in small_run.iterdir()}
    assert {"config.yaml", "metrics.jsonl", "splats.ply", "segments.json", "masks", "report.html"} <= names
    assert "votes.safetensors" in names
    assert len(list((small_run / "masks").glob("*.png"))) == VIEWS


def test_the_splat_of_a_run_carries_features_and_segments(small_run: Path) -> None:
    splats = read_ply(small_run / "splats.ply")
    segments = json.loads((small_run / "segments.json").read_text())
    assert splats.features is not None and splats.features.shape[1] == 64
    assert splats.segment_ids is not None
    for segment in segments:
        assert int((splats.segment_ids == segment["id"]).sum()) == segment["count"]


@pytest.mark.parametrize("prompt", [["--click", "40,30"], ["--box", "30,20,60,45"]])
def test_a_selection_is_written_as_masks_and_as_two_splats_that_add_up(
    small_run: Path, tmp_path: Path, prompt: list[str]
) -> None:
    assert run(["select", str(small_run), "--view", "001.jpg", *prompt, "-o", str(tmp_path)]) == 0
    masks = sorted((tmp_path / "masks").glob("*.png"))
    assert len(masks) == VIEWS
    assert {int(value) for value in np.unique(np.asarray(Image.open(masks[1])))} <= {0, 255}
    parts = [len(read_ply(tmp_path / name)) for name in ("object.ply", "rest.ply")]
    assert sum(parts) == len(read_ply(small_run / "splats.ply"))
    assert json.loads((tmp_path / "selection.json").read_text())["gaussians"] == parts[0]


def test_a_mask_prompt_selects_what_it_shows(small_run: Path, tmp_path: Path) -> None:
    truth = np.asarray(Image.open(demo_capture() / "gt" / "instance" / "001.png"))
    ids, counts = np.unique(truth[truth > 0], return_counts=True)
    table = ids[counts.argmax()]
    Image.fromarray(((truth == table) * 255).astype(np.uint8)).save(tmp_path / "prompt.png")
    arguments = ["select", str(small_run), "--view", "001.jpg", "--mask", str(tmp_path / "prompt.png")]
    assert run([*arguments, "-o", str(tmp_path / "out")]) == 0
    mask = np.asarray(Image.open(tmp_path / "out" / "masks" / "001.png")) > 0
    wanted = np.asarray(Image.fromarray(truth == table).resize(mask.shape[::-1], Image.Resampling.NEAREST))
    assert (mask & wanted).sum() / (mask | wanted).sum() > 0.5


@pytest.mark.parametrize(
    ("what", "dtype", "ndim"), [("rgb", "uint8", 3), ("features", "uint8", 3), ("segments", "uint16", 2)]
)
def test_pictures_are_named_as_the_views(small_run: Path, tmp_path: Path, what: str, dtype: str, ndim: int) -> None:
    assert run(["render", str(small_run), "--what", what, "-o", str(tmp_path)]) == 0
    pictures = sorted(tmp_path.glob("*.png"))
    assert [picture.stem for picture in pictures] == [f"{8 * index:03d}" for index in range(HELD_OUT)]
    values = np.asarray(Image.open(pictures[0]))
    assert values.ndim == ndim and values.shape[:2] == (60, 80)
    assert values.astype(dtype).tolist() == values.tolist()


def test_depth_comes_with_its_unit(small_run: Path, tmp_path: Path) -> None:
    assert run(["render", str(small_run), "--what", "depth", "-o", str(tmp_path), "--split", "all"]) == 0
    assert len(list(tmp_path.glob("*.png"))) == VIEWS
    unit = json.loads((tmp_path / "depth.json").read_text())["unit"]
    depth = np.asarray(Image.open(tmp_path / "001.png")) * unit
    assert 0.1 < np.median(depth[depth > 0]) < 10


def test_granularity_goes_from_parts_to_groups(small_run: Path, tmp_path: Path) -> None:
    counts = []
    for granularity in ("0", "1"):
        folder = tmp_path / granularity
        shutil.copytree(small_run, folder)
        assert run(["segment", str(folder), "--granularity", granularity]) == 0
        counts.append(len(json.loads((folder / "segments.json").read_text())))
    assert counts[0] > counts[1] >= 1


def test_an_evaluation_is_printed_and_written(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(small_run), "--gt", str(demo_capture() / "gt" / "instance")]) == 0
    means = json.loads((small_run / "evaluation.json").read_text())["means"]
    assert {"psnr", "ssim", "miou", "mbiou", "ari"} <= set(means)
    assert "mIoU" in capsys.readouterr().out


def test_an_export_holds_the_segments_asked_for(small_run: Path, tmp_path: Path) -> None:
    segments = json.loads((small_run / "segments.json").read_text())
    first = segments[0]
    assert run(["export", str(small_run), "--segment", str(first["id"]), "-o", str(tmp_path / "a.ply")]) == 0
    assert len(read_ply(tmp_path / "a.ply")) == first["count"]
    assert run(["export", str(small_run), "-o", str(tmp_path / "all.ply")]) == 0
    assert len(read_ply(tmp_path / "all.ply")) == len(read_ply(small_run / "splats.ply"))


@pytest.mark.parametrize("kind", ["", "run", "capture", "splats"])
def test_info_tells_what_a_thing_is(small_run: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    path = {"run": small_run, "capture": demo_capture(), "splats": small_run / "splats.ply"}.get(kind)
    assert run(["info", *([str(path)] if path else [])]) == 0
    said = capsys.readouterr().out
    expected = {"": "backends", "run": "segments", "capture": "64 (56 train, 8 test)", "splats": "64 channels"}[kind]
    assert expected in said


def test_a_run_can_be_segmented_by_contrast_with_16_channels_and_keeps_its_votes(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    (folder / "votes.safetensors").unlink()
    assert run(["segment", str(folder), "--method", "contrast", "--iterations", "40"]) == 0
    assert "contrast 40/40" in capsys.readouterr().err
    splats = read_ply(folder / "splats.ply")
    assert splats.features is not None and splats.features.shape[1] == 16
    assert (folder / "votes.safetensors").exists() and json.loads((folder / "segments.json").read_text())
    assert run(["select", str(folder), "--view", "001.jpg", "--click", "40,30", "-o", str(tmp_path / "out")]) == 0
