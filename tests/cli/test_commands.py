"""Every command does what its help says, on one small run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatseg.capture.capture import load_capture
from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture
from splatseg.formats.ply.ply import read_ply
from splatseg.splats.splats import splats_of

VIEWS = 64
HELD_OUT = 8


def test_a_finished_run_explains_itself(small_run: Path) -> None:
    names = {path.name for path in small_run.iterdir()}
    assert {"config.yaml", "metrics.jsonl", "splats.ply", "segments.json", "masks", "report.html"} <= names
    assert "votes.safetensors" in names
    assert len(list((small_run / "masks").glob("*.png"))) == VIEWS


def test_the_splat_of_a_run_carries_features_and_segments(small_run: Path) -> None:
    splats = splats_of(read_ply(small_run / "splats.ply"))
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
    parts = [len(splats_of(read_ply(tmp_path / name))) for name in ("object.ply", "rest.ply")]
    assert sum(parts) == len(splats_of(read_ply(small_run / "splats.ply")))
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


def test_masks_are_a_folder_a_segment_and_with_antialias_grey_at_edges(small_run: Path, tmp_path: Path) -> None:
    ids = [segment["id"] for segment in json.loads((small_run / "segments.json").read_text())][:2]
    arguments = ["render", str(small_run), "--what", "masks", "--segment", *map(str, ids)]
    assert run([*arguments, "-o", str(tmp_path / "hard")]) == 0
    assert run([*arguments, "-o", str(tmp_path / "soft"), "--antialias"]) == 0
    labels = np.asarray(Image.open(small_run / "masks" / "008.png"))
    for segment_id in ids:
        hard, soft = (
            np.asarray(Image.open(tmp_path / kind / str(segment_id) / "008.png")) for kind in ("hard", "soft")
        )
        assert np.array_equal(hard, 255 * (labels == segment_id))
        assert len(np.unique(soft)) > 2
        # Inside and outside are as they were; only edges are grey.
        assert np.mean((soft > 127) == (hard > 0)) > 0.95
    assert sorted(path.name for path in (tmp_path / "soft").iterdir()) == sorted(map(str, ids))
    assert len(list((tmp_path / "soft" / str(ids[0])).iterdir())) == HELD_OUT


def test_masks_of_all_segments_and_none_share_out_every_pixel(small_run: Path, tmp_path: Path) -> None:
    assert run(["render", str(small_run), "--what", "masks", "-o", str(tmp_path)]) == 0
    segments = json.loads((small_run / "segments.json").read_text())
    masks = {segment["id"]: np.asarray(Image.open(tmp_path / str(segment["id"]) / "000.png")) for segment in segments}
    labels = np.asarray(Image.open(small_run / "masks" / "000.png"))
    assert np.array_equal(sum(segment_id * (mask // 255).astype(int) for segment_id, mask in masks.items()), labels)


def _path_of_cameras(small_run: Path, file: Path) -> Path:
    """transforms.json of two cameras of the capture, under other names, without any image."""
    frames = []
    for number, view in enumerate(load_capture(demo_capture()).views[:2]):
        pose = np.linalg.inv(view.camera.viewmat) @ np.diag([1.0, -1.0, -1.0, 1.0])
        K = view.camera.K / 4
        intrinsics = {"fl_x": K[0, 0], "fl_y": K[1, 1], "cx": K[0, 2], "cy": K[1, 2], "w": 80, "h": 60}
        frames.append({"file_path": f"fly/{number}.png", "transform_matrix": pose.tolist(), **intrinsics})
    file.write_text(json.dumps({"frames": frames}))
    return file


def test_pictures_from_any_camera_are_those_of_the_same_view(small_run: Path, tmp_path: Path) -> None:
    cameras = str(_path_of_cameras(small_run, tmp_path / "transforms.json"))
    for what in ("rgb", "segments", "overlay", "depth"):
        arguments = ["render", str(small_run), "--what", what]
        assert run([*arguments, "--cameras", cameras, "-o", str(tmp_path / what)]) == 0
        assert run([*arguments, "--split", "all", "-o", str(tmp_path / "own" / what)]) == 0
        assert [path.name for path in sorted((tmp_path / what / "fly").iterdir())] == ["0.png", "1.png"]
        seen, own = (np.asarray(Image.open(tmp_path / name)) for name in (f"{what}/fly/0.png", f"own/{what}/000.png"))
        if what != "depth":  # whose unit is that of its pictures
            assert seen.shape == own.shape and np.mean(seen == own) > 0.99


def test_a_selection_is_seen_from_any_camera(small_run: Path, tmp_path: Path) -> None:
    cameras = str(_path_of_cameras(small_run, tmp_path / "transforms.json"))
    arguments = ["select", str(small_run), "--view", "001.jpg", "--click", "40,30"]
    assert run([*arguments, "--cameras", cameras, "-o", str(tmp_path / "hard")]) == 0
    assert run([*arguments, "--cameras", cameras, "--antialias", "-o", str(tmp_path / "soft")]) == 0
    assert len(list((tmp_path / "hard" / "masks").rglob("*.png"))) == 2
    hard, soft = (np.asarray(Image.open(tmp_path / kind / "masks" / "fly" / "1.png")) for kind in ("hard", "soft"))
    assert set(np.unique(hard)) == {0, 255}
    assert len(np.unique(soft)) > 2 and np.mean((soft > 127) == (hard > 0)) > 0.95
    pixels = json.loads((tmp_path / "soft" / "selection.json").read_text())["pixels"]
    assert pixels["fly/1.png"] == pytest.approx(soft.sum() / 255, rel=0.01)


def test_granularity_goes_from_parts_to_groups(small_run: Path, tmp_path: Path) -> None:
    counts = []
    for granularity in ("0", "1"):
        folder = tmp_path / granularity
        shutil.copytree(small_run, folder)
        assert run(["segment", str(folder), "--granularity", granularity]) == 0
        counts.append(len(json.loads((folder / "segments.json").read_text())))
    assert counts[0] > counts[1] >= 1


def test_names_and_colours_survive_other_granularities_and_the_way_back(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    table = json.loads((folder / "segments.json").read_text())
    table[0]["name"], table[1]["color"] = "my table", "#102030"
    (folder / "segments.json").write_text(json.dumps(table))
    splats = (folder / "splats.ply").read_bytes()
    for granularity in ("0", "1", "0.5"):
        assert run(["segment", str(folder), "--granularity", granularity]) == 0
    assert "segments are mostly earlier ones and keep id, name and colour" in capsys.readouterr().err
    assert json.loads((folder / "segments.json").read_text()) == table
    assert (folder / "splats.ply").read_bytes() == splats
    assert np.array_equal(*(np.asarray(Image.open(f / "masks" / "000.png")) for f in (folder, small_run)))


def test_segments_are_pictured_in_the_colours_of_their_table(small_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    table = json.loads((folder / "segments.json").read_text())
    for row in table:
        row["color"] = "#ff0000"
    (folder / "segments.json").write_text(json.dumps(table))
    assert run(["render", str(folder), "--what", "overlay", "-o", str(tmp_path / "out")]) == 0
    picture = np.asarray(Image.open(tmp_path / "out" / "000.png")).astype(int)
    labelled = np.asarray(Image.open(folder / "masks" / "000.png")) > 0
    assert labelled.any() and (picture[labelled][:, 0] >= picture[labelled][:, 1:].max(1)).all()
    assert (picture[labelled][:, 1] == picture[labelled][:, 2]).all()


def test_a_granularity_alone_cuts_the_hierarchy_anew_and_back_again(small_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    kept = ("splats.ply", "segments.json", "masks/001.png")
    before = [(folder / name).read_bytes() for name in kept]
    lifted = (folder / "votes.safetensors").stat().st_mtime_ns
    assert run(["segment", str(folder), "--granularity", "0.1"]) == 0
    assert [(folder / name).read_bytes() for name in kept] != before
    assert "granularity: 0.1" in (folder / "config.yaml").read_text()
    assert run(["segment", str(folder), "--granularity", "0.5"]) == 0
    assert [(folder / name).read_bytes() for name in kept] == before
    assert (folder / "votes.safetensors").stat().st_mtime_ns == lifted


def click_on(small_run: Path, view: str, segment: int) -> str:
    rows, columns = np.nonzero(np.asarray(Image.open(small_run / "masks" / f"{view}.png")) == segment)
    return f"{view}.jpg:{columns[len(columns) // 2]},{rows[len(rows) // 2]}"


def test_prompts_of_several_views_add_up_and_unwanted_ones_take_away(small_run: Path, tmp_path: Path) -> None:
    largest, second = (row["id"] for row in json.loads((small_run / "segments.json").read_text())[:2])
    one, other = click_on(small_run, "001", largest), click_on(small_run, "002", second)
    counts = []
    for prompts in (["--click", one], ["--click", one, other], ["--click", one, "--not-click", other]):
        folder = tmp_path / str(len(counts))
        assert run(["select", str(small_run), *prompts, "-o", str(folder)]) == 0
        counts.append(json.loads((folder / "selection.json").read_text())["gaussians"])
    assert counts[0] < counts[1] and counts[2] <= counts[0]


def test_a_selection_grows_to_the_group_and_shrinks_to_a_part(small_run: Path, tmp_path: Path) -> None:
    counts = []
    for step in (["--shrink", "1"], [], ["--grow", "1"]):
        arguments = ["select", str(small_run), "--view", "001.jpg", "--click", "40,30", *step, "--granularity", "0.5"]
        assert run([*arguments, "-o", str(tmp_path / str(len(counts)))]) == 0
        counts.append(json.loads((tmp_path / str(len(counts)) / "selection.json").read_text())["gaussians"])
    assert counts == sorted(counts) and counts[0] < counts[2]


def test_an_evaluation_is_printed_and_written(small_run: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["evaluate", str(small_run), "--gt", str(demo_capture() / "gt" / "instance")]) == 0
    means = json.loads((small_run / "evaluation.json").read_text())["means"]
    assert {"psnr", "ssim", "miou", "mbiou", "ari"} <= set(means)
    assert "mIoU" in capsys.readouterr().out


def test_an_export_holds_the_segments_asked_for(small_run: Path, tmp_path: Path) -> None:
    segments = json.loads((small_run / "segments.json").read_text())
    first = segments[0]
    assert run(["export", str(small_run), "--segment", str(first["id"]), "-o", str(tmp_path / "a.ply")]) == 0
    assert len(splats_of(read_ply(tmp_path / "a.ply"))) == first["count"]
    assert run(["export", str(small_run), "-o", str(tmp_path / "all.ply")]) == 0
    assert len(splats_of(read_ply(tmp_path / "all.ply"))) == len(splats_of(read_ply(small_run / "splats.ply")))


@pytest.mark.parametrize("kind", ["", "run", "capture", "splats"])
def test_info_tells_what_a_thing_is(small_run: Path, capsys: pytest.CaptureFixture[str], kind: str) -> None:
    path = {"run": small_run, "capture": demo_capture(), "splats": small_run / "splats.ply"}.get(kind)
    assert run(["info", *([str(path)] if path else [])]) == 0
    said = capsys.readouterr().out
    expected = {"": "backends", "run": "segments", "capture": "64 (56 train, 8 test)", "splats": "64 channels"}[kind]
    assert expected in said


def test_a_refined_run_is_a_run_of_its_own_with_the_same_segments(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for path in sorted(small_run.rglob("*")) if path.is_file()}
    refined = tmp_path / "refined"
    assert run(["refine", str(small_run), "-o", str(refined)]) == 0
    assert "Gaussians that straddled two segments" in capsys.readouterr().out
    assert {path: path.read_bytes() for path in sorted(small_run.rglob("*")) if path.is_file()} == before
    old, new = (
        {row["id"]: row for row in json.loads((folder / "segments.json").read_text())}
        for folder in (small_run, refined)
    )
    assert set(new) <= set(old)
    assert all((new[key]["name"], new[key]["color"]) == (old[key]["name"], old[key]["color"]) for key in new)
    assert len(list((refined / "masks").glob("*.png"))) == VIEWS
    assert (refined / "report.html").exists() and not (refined / "evaluation.json").exists()
    select = ["select", str(refined), "--view", "001.jpg", "--click", "40,30", "-o", str(tmp_path / "out")]
    assert run(select) == 0
    assert run(["render", str(refined), "--what", "segments", "-o", str(tmp_path / "segments")]) == 0
    assert run(["export", str(refined), "-o", str(tmp_path / "all.ply")]) == 0
    assert run(["evaluate", str(refined), "--gt", str(demo_capture() / "gt" / "instance")]) == 0


def test_a_run_can_be_segmented_by_contrast_with_16_channels_and_keeps_its_votes(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    (folder / "votes.safetensors").unlink()
    assert run(["segment", str(folder), "--method", "contrast", "--iterations", "40"]) == 0
    assert "contrast 40/40" in capsys.readouterr().err
    splats = splats_of(read_ply(folder / "splats.ply"))
    assert splats.features is not None and splats.features.shape[1] == 16
    assert (folder / "votes.safetensors").exists() and json.loads((folder / "segments.json").read_text())
    assert run(["select", str(folder), "--view", "001.jpg", "--click", "40,30", "-o", str(tmp_path / "out")]) == 0


def test_a_level_of_a_click_is_taken_and_told(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    click = ["select", str(small_run), "--view", "012.jpg", "--click", "23,37"]
    counts = []
    for level in (["--level", "1"], []):
        assert run([*click, *level, "-o", str(tmp_path / "out")]) == 0
        facts = json.loads((tmp_path / "out" / "selection.json").read_text())
        counts.append(facts["gaussians"])
        assert facts["level"] == (1 if level else None) and 0.0 <= facts["support"] <= 1.0
    assert counts[0] <= counts[1]
    capsys.readouterr()
    assert run([*click, "--level", "99", "-o", str(tmp_path / "other")]) == 2
    assert "there is no level 99 at the click" in capsys.readouterr().err
    assert run([*click, "--level", "1", "--threshold", "0.5", "-o", str(tmp_path / "other")]) == 2
    assert "give one of them" in capsys.readouterr().err
    assert run([*click, "10,10", "--level", "1", "-o", str(tmp_path / "other")]) == 2
    assert "give exactly one --click with it" in capsys.readouterr().err
    assert not (tmp_path / "other").exists()


def test_prompts_that_contradict_each_other_are_warned_of(
    small_run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    inside = np.zeros((60, 80), bool)
    inside[2:9, 2:11] = True  # an odd number of pixels: half of it selected would meet both
    Image.fromarray(inside).save(tmp_path / "corner.png")
    prompts = ["--view", "001.jpg", "--click", "40,30", "--mask", f"030.jpg:{tmp_path / 'corner.png'}"]
    unwanted = ["--not-mask", f"030.jpg:{tmp_path / 'corner.png'}"]
    assert run(["select", str(small_run), *prompts, *unwanted, "-o", str(tmp_path / "out")]) == 0
    said = " ".join(capsys.readouterr().err.split())
    doubts = json.loads((tmp_path / "out" / "selection.json").read_text())["doubts"]
    assert doubts and all(f"warning: {doubt}" in said for doubt in doubts)
    assert any("mask at (" in doubt and "in 030.jpg is" in doubt for doubt in doubts)
