"""`splatseg masks` as a user calls it, with a tiny model saved as a real one is."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from capture_files import colmap_capture
from PIL import Image
from scenes import colorful_splats
from tiny_mask_models import save_tiny_model

from splatseg.cameras.camera import Camera
from splatseg.capture.capture import load_capture
from splatseg.cli.main import run
from splatseg.demo.demo import demo_capture
from splatseg.formats.ply.ply import write_ply
from splatseg.masks.store import open_masks
from splatseg.splats.initialise import splats_from_points
from splatseg.splats.splats import Splats


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    folder = colmap_capture(tmp_path / "capture", ["a.jpg", "left/b.jpg", "c.jpg"], width=80, height=48)
    colors = np.random.default_rng(0).integers(0, 255, (3, 5, 3), np.uint8).repeat(16, axis=0).repeat(16, axis=1)
    for path in (folder / "images").rglob("*.jpg"):
        Image.fromarray(colors).save(path)
    return folder


def wall_before(camera: Camera) -> Splats:
    """Some Gaussians in front of a camera, as a wall."""
    splats = colorful_splats(60)
    pixels = np.random.default_rng(0).uniform(0, 1, (60, 2)) * [camera.width, camera.height]
    means = torch.from_numpy(camera.unproject(pixels, np.full(60, 2.0))).float()
    return splats.replace(means=means, log_scales=torch.full((60, 3), -1.5), opacity_logits=torch.full((60,), 3.0))


def test_a_model_makes_masks_that_train_can_read_and_a_second_call_goes_on(
    tmp_path: Path, capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = save_tiny_model("sam2", tmp_path / "tiny-sam2")
    command = ["masks", str(capture), "-o", str(tmp_path / "masks"), "--model", str(model)]
    command += ["--points-per-side", "4", "--pred-iou", "0.5", "--stability", "0.7"]
    assert run([*command, "--shard", "2/2"]) == 0
    assert "in 1 views" in capsys.readouterr().out
    assert run(command) == 0
    shown = capsys.readouterr()
    assert "in 3 views" in shown.out and "(1 views were there already)" in shown.out and "masks 3/3" in shown.err
    views = load_capture(capture).views
    masks = open_masks(tmp_path / "masks", views)
    assert len(masks.names) == 3 and all(masks.read(view).count > 0 for view in views)  # type: ignore[union-attr]
    record = json.loads((tmp_path / "masks" / "masks.json").read_text())
    assert record["settings"] == {"points_per_side": 4, "pred_iou": 0.5, "stability": 0.7, "crops": 0}
    assert record["family"] == "sam2" and set(record["versions"]) == {"splatseg", "transformers", "torch"}
    assert run([*command, "--crops", "1"]) == 2
    assert "crops was 0 and is now 1" in capsys.readouterr().err
    assert run([*command, "--pred-iou", "1", "--overwrite"]) == 0
    shown = capsys.readouterr()
    assert "0 masks in 3 views" in shown.out and "3 of 3 views have no mask (a.jpg, c.jpg, left/b.jpg)" in shown.err


def test_masks_are_exported_for_other_programs(
    tmp_path: Path, capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    labels = np.arange(300, dtype=np.uint16).reshape(15, 20)
    (tmp_path / "masks").mkdir()
    Image.fromarray(labels).save(tmp_path / "masks" / "a.png")
    command = ["masks", str(tmp_path / "masks"), "-o", str(tmp_path / "out"), "--export"]
    assert run([*command, "cgc"]) == 0
    assert "1 label maps" in capsys.readouterr().out and (tmp_path / "out" / "seg_masks" / "a.png").is_file()
    assert run([*command, "gaussian-grouping"]) == 0
    assert "1 of 1 views have more segments than gaussian-grouping can number" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--model", "/gone"], "there is no model '/gone'"),
        (["--model", "{tmp}"], "holds no model: config.json is absent"),
        (["--shard", "5/4"], "the shard 5/4 is none; i/n has an i from 1 to n"),
        (["--batch", "0"], "--batch must be from 1"),
        (["--export", "cgc"], "holds no masks"),
    ],
)
def test_what_cannot_work_is_one_sentence_and_leaves_nothing(
    tmp_path: Path, capture: Path, capsys: pytest.CaptureFixture[str], more: list[str], message: str
) -> None:
    arguments = [argument.format(tmp=tmp_path) for argument in more]
    source = tmp_path if "--export" not in more else capture / "sparse"
    assert (
        run(["masks", str(capture if source == tmp_path else source), "-o", str(tmp_path / "masks"), *arguments]) == 2
    )
    assert message in capsys.readouterr().err and not (tmp_path / "masks").exists()


def test_a_splat_of_the_capture_helps_proposals_and_is_recorded(
    tmp_path: Path, capture: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    splats = tmp_path / "splat.ply"
    write_ply(splats, wall_before(load_capture(capture).views[0].camera))
    command = ["masks", str(capture), "-o", str(tmp_path / "masks"), "--splats", str(splats)]
    assert run(command) == 0
    record = json.loads((tmp_path / "masks" / "masks.json").read_text())
    assert record["generator"] == "proposals" and "Gaussians" in record["surface"]
    capsys.readouterr()
    assert run(command[:-2]) == 2, "masks of one folder are made from one surface"
    assert "surface was" in capsys.readouterr().err


def test_a_splat_of_something_else_is_refused_unless_it_is_forced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splatseg.checks.world.register", lambda *_: [])  # which takes long, and finds nothing here
    demo = load_capture(demo_capture())
    splats = splats_from_points(demo.points, demo.point_colors)
    own, turned = tmp_path / "own.ply", tmp_path / "turned.ply"
    write_ply(own, splats)
    write_ply(turned, splats.replace(means=splats.means[:, [1, 2, 0]] * 2))
    for path, options, code in ((own, [], 0), (turned, [], 2), (turned, ["--force"], 0)):
        command = ["masks", str(demo_capture()), "-o", str(tmp_path / path.stem), "--splats", str(path), *options]
        assert run([*command, "--downscale", "8", "--shard", "1/64"]) == code
        assert ("of 8 views recognise turned.ply as it is" in capsys.readouterr().err) is (path == turned)


def test_a_splat_that_no_view_sees_and_one_beside_a_model_are_refused(
    tmp_path: Path, capture: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("splatseg.checks.world.register", lambda *_: [])
    splats, cameras = tmp_path / "splat.ply", [view.camera for view in load_capture(capture).views]
    middle = np.mean([camera.position for camera in cameras], axis=0)
    far = wall_before(cameras[0])
    write_ply(splats, far.replace(means=far.means * 1e-3 + torch.from_numpy(middle).float() + 1e6))
    command = ["masks", str(capture), "-o", str(tmp_path / "masks"), "--splats", str(splats)]
    assert run(command) == 2
    assert "0 of 3 views recognise splat.ply" in capsys.readouterr().err and not (tmp_path / "masks").exists()
    model = save_tiny_model("sam2", tmp_path / "tiny-sam2")
    assert run([*command, "--model", str(model)]) == 2
    assert "leave out one of the two" in capsys.readouterr().err and not (tmp_path / "masks").exists()
