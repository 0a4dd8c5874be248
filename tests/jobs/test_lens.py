"""The whole job on photographs taken through lenses: all that goes in and comes out is in their own pixels."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from lens_captures import demo_through, through_lens, write_model
from PIL import Image
from small_runs import segmented

import splatseg
from splatseg.cameras.camera import Camera, centred_lens
from splatseg.cameras.lens_models import lens_of_model
from splatseg.cli.main import run as command
from splatseg.errors import PromptError
from splatseg.evaluate.segmentation import adjusted_rand_index
from splatseg.render.label_maps import label_map
from splatseg.render.pictures import to_uint8
from splatseg.render.rgb import render_rgb
from splatseg.viewer.drawing.picture import picture
from splatseg.viewer.shown_scene import open_shown
from splatseg.viewer.workspace.workspace import Workspace

WIDTH, HEIGHT = 200, 150


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of the demo through a strong barrel lens, with its masks, and the capture beside it."""
    folder = tmp_path_factory.mktemp("lens")
    demo_through(folder / "capture", "SIMPLE_RADIAL", (205.0, 100.0, 75.0, -0.25), WIDTH, HEIGHT, views=32)
    masks = str(folder / "capture" / "masks")
    arguments = ["train", str(folder / "capture"), "-o", str(folder / "run"), "--masks", masks, "--iterations", "300"]
    assert command(arguments) == 0
    return folder


def truth(folder: Path, name: str) -> np.ndarray:
    return np.asarray(Image.open(folder / "capture" / "gt" / "instance" / name))


def iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def largest_thing(folder: Path, name: str) -> tuple[np.ndarray, tuple[float, float]]:
    """The mask of the largest thing on the table (1) well inside a photograph, and a pixel in its middle."""
    labels = truth(folder, name)
    best, size = None, 0
    for number in np.unique(labels):
        mask = labels == number
        border = mask[0].any() or mask[-1].any() or mask[:, 0].any() or mask[:, -1].any()
        if number > 1 and not border and mask.sum() > size:
            best, size = mask, int(mask.sum())
    assert best is not None
    y, x = np.argwhere(best)[np.abs(np.argwhere(best) - np.argwhere(best).mean(axis=0)).sum(axis=1).argmin()]
    return best, (x + 0.5, y + 0.5)


def test_label_maps_lie_on_the_photographs_as_they_were_taken(folder: Path) -> None:
    names = sorted(path.name for path in (folder / "run" / "masks").glob("*.png"))
    assert len(names) == 32
    found = np.stack([np.asarray(Image.open(folder / "run" / "masks" / name)).astype(int) for name in names])
    true = np.stack([truth(folder, name).astype(int) for name in names])
    assert found.shape == (32, HEIGHT, WIDTH)
    things = (0, 1, 23, 24)  # neither the table nor floor and walls
    assert adjusted_rand_index(found.reshape(1, -1), true.reshape(1, -1), things) > 0.85


def test_a_click_in_the_photograph_selects_what_it_points_at(folder: Path, tmp_path: Path) -> None:
    thing, (x, y) = largest_thing(folder, "008.png")
    arguments = ["select", str(folder / "run"), "--view", "008.png", "--click", f"{x},{y}", "-o", str(tmp_path / "out")]
    assert command(arguments) == 0
    mask = np.asarray(Image.open(tmp_path / "out" / "masks" / "008.png")) > 127
    assert mask.shape == (HEIGHT, WIDTH) and iou(mask, thing) > 0.85


def test_boxes_and_masks_in_the_photograph_select_the_same(folder: Path, tmp_path: Path) -> None:
    thing, _ = largest_thing(folder, "008.png")
    y, x = np.nonzero(thing)
    Image.fromarray(thing).save(tmp_path / "mask.png")
    box = f"{x.min()},{y.min()},{x.max() + 1},{y.max() + 1}"
    for prompt in (["--box", box], ["--mask", str(tmp_path / "mask.png")]):
        out = tmp_path / prompt[0]
        assert command(["select", str(folder / "run"), "--view", "008.png", *prompt, "-o", str(out)]) == 0
        assert iou(np.asarray(Image.open(out / "masks" / "008.png")) > 127, thing) > 0.85


def test_undistorted_results_are_those_of_pinhole_cameras(folder: Path, tmp_path: Path) -> None:
    view = splatseg.open(folder / "run").view("016.png")
    assert view.lens_camera is not None and (view.camera.width, view.camera.height) != (WIDTH, HEIGHT)
    out = tmp_path / "pictures"
    for what in ("rgb", "depth", "segments"):
        render = ["render", str(folder / "run"), "--what", what, "--split", "test"]
        assert command([*render, "-o", str(out / what)]) == 0
        assert command([*render, "-o", str(out / "flat" / what), "--undistorted"]) == 0
        assert Image.open(out / what / "016.png").size == (WIDTH, HEIGHT)
        assert Image.open(out / "flat" / what / "016.png").size == (view.camera.width, view.camera.height)
    photo = np.asarray(Image.open(folder / "capture" / "images" / "016.png")).astype(float)
    bent = np.asarray(Image.open(out / "rgb" / "016.png")).astype(float)
    assert np.abs(photo - bent).mean() < 12
    # The same click means another pixel there.
    thing, (x, y) = largest_thing(folder, "016.png")
    ((px, py),) = view.lens_camera.pixels_in(view.face, np.array([[x, y]]))
    select = ["select", str(folder / "run"), "--view", "016.png", "--undistorted", "--click", f"{px:.2f},{py:.2f}"]
    assert command([*select, "-o", str(tmp_path / "out")]) == 0
    mask = np.asarray(Image.open(tmp_path / "out" / "masks" / "016.png")) > 127
    assert mask.shape == (view.camera.height, view.camera.width)
    assert iou(mask & view.as_camera_sees(np.ones((HEIGHT, WIDTH), bool)), view.as_camera_sees(thing)) > 0.85


def test_figures_are_those_of_the_photographs_own_pixels(folder: Path) -> None:
    assert command(["evaluate", str(folder / "run"), "--gt", str(folder / "capture" / "gt" / "instance")]) == 0
    found = json.loads((folder / "run" / "evaluation.json").read_text())
    assert found["objects"]["miou"] > 0.8


def test_clicks_beside_the_picture_and_masks_of_another_size_are_refused(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for click in ("-1,5", "200,10", "50,151"):
        select = ["select", str(folder / "run"), "--view", "008.png", f"--click={click}", "-o", str(tmp_path / "out")]
        assert command(select) == 2
        assert "is outside the picture of 200x150 pixels" in capsys.readouterr().err
    scene = splatseg.open(folder / "run")
    with pytest.raises(PromptError, match="the mask has 20x10 pixels, the view 200x150; resize the mask"):
        scene.mask("008.png", np.ones((10, 20), bool))


def test_a_run_without_its_capture_knows_its_lenses(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder / "run", tmp_path / "run")
    moved = folder / "elsewhere"
    (folder / "capture").rename(moved)
    try:
        arguments = ["select", str(tmp_path / "run"), "--view", "008.png", "--click", "100,75"]
        assert command([*arguments, "-o", str(tmp_path / "out")]) == 0
        assert Image.open(tmp_path / "out" / "masks" / "008.png").size == (WIDTH, HEIGHT)
    finally:
        moved.rename(folder / "capture")


@pytest.mark.slow
def test_photographs_of_a_fisheye_of_170_degrees_are_segmented_to_their_borders(tmp_path: Path) -> None:
    """A scene rendered through the lens: its splat and segments are the truth."""
    scene = segmented(tmp_path)
    splats, capture = scene.splats(), scene.capture
    params = (240 / np.radians(170.0), 120.0, 90.0)
    lens = lens_of_model("SIMPLE_FISHEYE", params, 240, 180)
    poses = []
    for view in capture.views[::3]:
        photo = through_lens(lens, view.camera.viewmat, lambda c: to_uint8(render_rgb(splats, c)), 300)
        labels = through_lens(lens, view.camera.viewmat, lambda c: label_map(splats, c), 300)
        for part, image in (("images", photo), ("masks", labels.astype(np.uint8))):
            (tmp_path / "fisheye" / part).mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(tmp_path / "fisheye" / part / view.png_name)
        poses.append((view.png_name, view.camera.viewmat))
    write_model(tmp_path / "fisheye", poses, "SIMPLE_FISHEYE", params, 240, 180, capture)
    masks = tmp_path / "fisheye" / "masks"
    train = ["train", str(tmp_path / "fisheye"), "-o", str(tmp_path / "wide"), "--masks", str(masks)]
    assert command([*train, "--iterations", "600"]) == 0
    found = splatseg.open(tmp_path / "wide")
    assert len(found.views) == 5 * len(poses) and found.views[1].name.endswith("#2.png")
    pairs = [
        (np.asarray(Image.open(tmp_path / "wide" / "masks" / name)), np.asarray(Image.open(masks / name)))
        for name, _ in poses
    ]
    found_ids, true_ids = (np.stack(part).astype(int).reshape(1, -1) for part in zip(*pairs, strict=True))
    assert adjusted_rand_index(found_ids, true_ids, (0,)) > 0.75  # the truth is a sketch, ragged where it is thin


def test_the_viewer_lays_the_photograph_on_the_splat(folder: Path) -> None:
    """From the place of a photograph, at another zoom and shape, its picture and the splat's show the same."""
    scene = open_shown(folder / "run")
    view = scene.view("016.png")
    # Without the tints of masks, so that only the place of things is compared.
    scene._overlay = (view.name, view.shown())
    space = Workspace(scene)
    for zoom in (0.8, 1.3):
        camera = Camera(view.camera.viewmat, centred_lens(zoom * view.camera.K[0, 0], 240, 200), 240, 200)
        splat = picture(space, camera).astype(float)
        space.mode = "masks"
        photograph = picture(space, camera).astype(float)
        space.mode = "color"
        shown = photograph.any(axis=2)
        # Beside the lens and beside the view it is black.
        assert shown.mean() > 0.4 and (zoom > 1 or not shown[:20, :20].any())
        errors = {
            by: np.abs(splat[4:-4, 4:-4] - np.roll(photograph, by, (0, 1))[4:-4, 4:-4])[shown[4:-4, 4:-4]].mean()
            for by in ((0, 0), (2, 0), (-2, 0), (0, 2), (0, -2))
        }
        assert min(errors, key=lambda by: errors[by]) == (0, 0) and errors[0, 0] < 12


def test_prompts_know_which_pixels_lie_in_the_photograph(folder: Path) -> None:
    view = splatseg.open(folder / "run").view("016.png")
    assert view.lens_camera is not None
    known = view.lens_camera.cut(0).inside
    assert not known.all()
    half = np.zeros((HEIGHT, WIDTH), bool)
    half[HEIGHT // 2 :] = True
    given = splatseg.Prompt.in_photograph(view.seen_by, mask=half)
    np.testing.assert_array_equal(given.mask, view.as_camera_sees(half))
    for prompt in (given, splatseg.Prompt.in_photograph(view.seen_by, box=(20.0, 30.0, 90.0, 80.0))):
        np.testing.assert_array_equal(prompt.seen, known)
    assert splatseg.Prompt.in_photograph(view.camera, mask=given.mask).seen is None
    assert splatseg.Prompt.in_photograph(view.seen_by, click=(100.0, 75.0)).seen is None
