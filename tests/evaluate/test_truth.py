"""Ground truth is found by the names of the views, at the size of the cameras, with names and stuff beside it."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scenes import camera

from splatseg.capture.view import View
from splatseg.errors import MaskError
from splatseg.evaluate.truth import read_scene, read_truth

VIEWS = [View("left/000.1.jpg", camera(24, 16)), View("left/001.jpg", camera(24, 16))]


def write_truth(folder: Path, size: tuple[int, int] = (24, 16)) -> Path:
    width, height = size
    for i, view in enumerate(VIEWS):
        labels = np.zeros((height, width), np.uint16)
        labels[: height // 2] = 300 + i
        labels[:, -1] = 255
        path = folder / "instance" / view.png_name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(labels).save(path)
    return folder / "instance"


def test_ids_are_kept_as_they_are_and_unknown_is_no_object(tmp_path: Path) -> None:
    truth = read_truth(write_truth(tmp_path), VIEWS, unknown=255)
    assert truth.ids == (300, 301)
    assert truth.label_maps["left/001.jpg"][0, 0] == 301 and truth.label_maps["left/001.jpg"][0, -1] == 255
    assert read_truth(tmp_path / "instance", VIEWS).ids == (255, 300, 301)


@pytest.mark.parametrize("size", [(48, 32), (12, 8)])
def test_maps_of_another_size_are_resampled_to_the_nearest_pixel(tmp_path: Path, size: tuple[int, int]) -> None:
    labels = read_truth(write_truth(tmp_path, size), VIEWS).label_maps["left/000.1.jpg"]
    assert labels.shape == (16, 24)
    assert (labels[:8, :22] == 300).all() and (labels[8:, :22] == 0).all()


def test_names_and_stuff_are_read_beside_the_folder(tmp_path: Path) -> None:
    scene = {"objects": {"300": "mug", "301": "floor"}, "stuff": [301], "poses": []}
    folder = write_truth(tmp_path)
    (tmp_path / "scene.json").write_text(json.dumps(scene))
    truth = read_truth(folder, VIEWS)
    assert truth.name(300) == "mug" and truth.name(7) == "7" and truth.stuff == {301}


@pytest.mark.parametrize("text", ["{", "[]", '{"stuff": ["wall"]}', '{"objects": {"a": "b"}}', '{"stuff": 3}'])
def test_a_bad_scene_file_says_what_it_should_hold(tmp_path: Path, text: str) -> None:
    (tmp_path / "scene.json").write_text(text)
    with pytest.raises(MaskError, match="should hold 'objects'"):
        read_scene(tmp_path / "scene.json")


def test_a_missing_map_is_named(tmp_path: Path) -> None:
    folder = write_truth(tmp_path)
    (folder / "left/001.png").unlink()
    with pytest.raises(MaskError, match=r"lacks the label maps of 1 of 2 views \(left/001.png\)"):
        read_truth(folder, VIEWS)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match="no folder"):
        read_truth(tmp_path / "nowhere", VIEWS)


def test_the_truth_of_the_development_data_is_understood(shared_data: Path) -> None:
    if not (shared_data / "demo/gt/instance").is_dir():
        pytest.skip("the demo capture is not here")
    truth = read_truth(shared_data / "demo/gt/instance", [View("000.jpg", camera(320, 240))])
    assert truth.stuff == {23, 24} and truth.name(2) == "red_mug" and 2 in truth.ids


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"objects": {"one": "mug"}}', "the name 'one' is not an id"),
        ('{"objects": {"1": 5}}', "objects, 1 is 5; text is expected"),
        ('{"objects": ["mug"]}', "objects is a list of 1"),
        ('{"stuff": 3}', "stuff is 3; a list is expected"),
        ('{"stuff": [1e999]}', "stuff, item 1 is infinite"),
        ('{"stuff": [true]}', "stuff, item 1 is true"),
        ('{"stuff": [-1]}', "stuff, item 1 is -1"),
        ("[" * 100_000, "nested too deeply"),
        ('{"stuff": [\n', "line 2: "),
    ],
)
def test_names_of_objects_that_are_none_are_told_with_their_field(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "scene.json").write_text(text)
    with pytest.raises(MaskError, match=rf"scene\.json is not understood \(.*{said}"):
        read_scene(tmp_path / "scene.json")
