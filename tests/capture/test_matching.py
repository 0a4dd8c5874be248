"""Names of views, masks and photographs are matched by what remains unique of them, and never on a guess."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from capture_files import binary_files, colmap_capture, model, transforms_capture, write_files, write_image
from hypothesis import given, settings
from hypothesis import strategies as st

from splatseg.capture.capture import load_capture
from splatseg.capture.matching import match_names, unclear_names
from splatseg.errors import CaptureError, PromptError


@pytest.mark.parametrize(
    ("view", "key"),
    [
        ("frame_{:05}.jpg", "frame_{:05}.jpg"),
        ("frame_{:05}.jpg", "{:05}_mask"),
        ("frame_{:05}.jpg", "mask_{:05}"),
        ("frame_{:05}.jpg", "mask_{}"),
        ("frame_{:05}.jpg", "{}"),
        ("frame_{:05}.jpg", "MASK{:03}"),
        ("{}.jpg", "frame_{:05}"),
        ("{:05}.jpg", "images_{:05}"),
        ("images/frame_{:05}.png", "masks/left/frame_{:05}"),
        ("DJI_0{:03}_V.JPG", "dji_0{:03}_v"),
        ("2024-07-01 IMG {:03}.HEIC", "2024-07-01_IMG_{:03}_seg"),
        ("IMG {:03}.jpg", "IMG%20{:03}"),
        ("IMG {:03}.jpg", "IMG{:03}"),
        ("rgb_{}.png", "semantic_instance_{:04}"),
        ("cam0/{:05}.png", "cam0_{:05}"),
        ("cam0/{:05}.png", "cam0-{:05}.png_mask"),
        ("a/cam0_{:05}.png", "cam0/{:05}"),
        ("K\u00fcche_{}.jpg", unicodedata.normalize("NFD", "k\u00fcche-{}")),
        ("v1.{}.jpg", "v1.{}_mask"),
    ],
)
def test_a_folder_of_renamed_masks_is_matched_to_its_views(view: str, key: str) -> None:
    names, keys = [view.format(i) for i in range(3, 15)], [key.format(i) for i in range(3, 15)]
    assert match_names(names, keys) == dict(zip(names, keys, strict=True))
    few = keys[2:5]
    assert match_names(names, [*few, "palette"]) == dict(zip(names[2:5], few, strict=True))


@pytest.mark.parametrize(
    ("view", "key"),
    [
        ("{}/{:03}.jpg", "{}_{:03}"),
        ("{}_{:03}.jpg", "{}/{:03}"),
        ("images/{}/{:03}.jpg", "{}/{:03}"),
        ("images/{}/{:03}.jpg", "masks/{}/{:03}"),
        ("images/{}/{:03}.jpg", "masks/{}/{:03}_seg"),
        ("{}/{:03}.jpg", "{}/{:03}_mask"),
        ("{}/{:03}.jpg", "{}/mask_{:03}"),
        ("{}/{:03}.jpg", "{}/masks/{:03}"),
        ("{}/{:03}.jpg", "{}/{}"),
        ("{}/images/{:03}.jpg", "{}/{:03}"),
    ],
)
def test_pictures_of_several_cameras_keep_their_folders_apart(view: str, key: str) -> None:
    pairs = [(camera, i) for camera in ("left", "right") for i in range(9)]
    names, keys = [view.format(*pair) for pair in pairs], [key.format(*pair) for pair in pairs]
    assert match_names(names, keys) == dict(zip(names, keys, strict=True))
    upper = [name.upper() for name in keys]
    assert match_names(names, upper) == dict(zip(names, upper, strict=True))


@pytest.mark.parametrize(
    "keys",
    [
        [str(i) for i in range(13)],
        [f"mask_{i:05}" for i in range(13)],
        [f"object_{i}" for i in range(1, 4)],
        [f"obj{i}_mask" for i in range(1, 4)],
        [f"mask_{i}_of_{j}" for i in range(1, 4) for j in range(1, 4)],
        [f"{folder}/deep/{i:05}" for folder in "ab" for i in range(1, 14)],
        ["mask_3"],
    ],
)
def test_numbers_that_may_be_others_than_those_of_the_views_match_nothing(keys: list[str]) -> None:
    assert match_names([f"frame_{i:05}.jpg" for i in range(1, 14)], keys) == {}


def test_names_that_are_not_told_apart_are_listed_and_others_are_not() -> None:
    names = ["left/0.jpg", "right/0.jpg", "1.jpg"]
    assert unclear_names(names, ["0", "1"], match_names(names, ["0", "1"])) == (["left/0.jpg", "right/0.jpg"], ["0"])
    twice = ["1a2b3c4d-1", "5a2b3c4d-1"]
    assert unclear_names(names, twice, match_names(names, twice)) == (["1.jpg"], twice)
    sides = ["left_1", "right_1", "2"]
    assert unclear_names(["1.jpg", "2.jpg"], sides, {"2.jpg": "2"}) == (["1.jpg"], sides[:2])
    one_each = ["1", "old/1", "note"]
    assert unclear_names(names, one_each, match_names(names, one_each)) is None


def renamed(folder: Path, names: list[str], files: list[str]) -> Path:
    """A COLMAP capture of these names whose photographs are called otherwise, each of a brightness of its own."""
    write_files(folder / "sparse" / "0", binary_files(model(names)))
    for i, file in enumerate(files):
        write_image(folder / file, value=10 * i)
    return folder


def brightness(capture: Path) -> dict[str, int]:
    return {view.name: int(view.image().mean().round()) for view in load_capture(capture).views}


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("IMG_{}.HEIC", "images/IMG_{}.png"),
        ("{}.jpg", "images/cam0/{}.png"),
        ("cam0/{}.jpg", "images/cam0_{}.png"),
        ("cam0_{}.jpg", "images/cam0/{}.png"),
        ("rgb/{}.jpg", "images_2/{}.png"),
        ("IMG {}.png", "images/IMG_{}.png"),
        ("{}.png", "rgb/{}.png"),
        ("{}.png", "images/frame_{}.png"),
        ("images/{}.jpg", "{}.png"),
    ],
)
def test_photographs_are_found_by_what_remains_unique_of_their_names(tmp_path: Path, name: str, file: str) -> None:
    numbers = range(100, 104)
    names = [name.format(i) for i in numbers]
    folder = renamed(tmp_path, names, [file.format(i) for i in numbers])
    write_image(tmp_path / "masks" / "100.png", value=255)
    assert brightness(folder) == {name: 10 * i for i, name in enumerate(names)}


def test_frames_of_a_transforms_file_are_found_in_another_place_and_format(tmp_path: Path) -> None:
    names = [f"/home/me/scene/frames/{i}.jpg" for i in range(3)]
    transforms_capture(tmp_path, [])
    folder = transforms_capture(tmp_path, [f"images/{i}.png" for i in range(3)])
    text = (folder / "transforms.json").read_text()
    (folder / "transforms.json").write_text(text.replace("images/", "/home/me/scene/frames/").replace(".png", ".jpg"))
    views = load_capture(folder).views
    assert [view.name for view in views] == [Path(name).name for name in names]
    assert [view.image_path for view in views] == [folder / "images" / f"{i}.png" for i in range(3)]


def test_photographs_of_which_some_have_their_name_are_not_guessed(tmp_path: Path) -> None:
    colmap_capture(tmp_path, ["000.jpg", "001.jpg", "002.jpg"])
    (tmp_path / "images" / "002.jpg").rename(tmp_path / "images" / "scan_002_old.jpg")
    said = (
        r"1 of 3 images .* absent from .*images \(it holds 1 others: scan_002_old\.jpg\): 002\.jpg; put them there, or"
    )
    with pytest.raises(CaptureError, match=said):
        load_capture(tmp_path)
    write_image(tmp_path / "images" / "a" / "002.png")
    write_image(tmp_path / "images" / "b" / "002.png")
    with pytest.raises(CaptureError, match=r"1 of 3 images .* absent"):
        load_capture(tmp_path)


@pytest.mark.parametrize("make", [colmap_capture, transforms_capture])
def test_a_view_is_found_by_the_end_of_its_path_in_any_spelling(tmp_path: Path, make: Callable[..., Path]) -> None:
    names = ["images/Left/\u00e4 1.png", "images/Right/\u00e4 1.png", "images/b.png"]
    capture = load_capture(make(tmp_path, names))
    decomposed = unicodedata.normalize("NFD", "left/\u00e4 1")
    for said in ("images/Left/\u00e4 1", "IMAGES/left/\u00e4 1.PNG", "Left/\u00e4 1.png", decomposed):
        assert capture.view(said).name == names[0]
    assert capture.view("B").name == names[2]
    with pytest.raises(
        PromptError, match=r"several views are named '\u00e4 1'.*say which: images/Left/\u00e4 1\.png, images/R"
    ):
        capture.view("\u00e4 1")
    assert load_capture(tmp_path, test_names=["b.png"]).test_names == {names[2]}


def test_the_order_of_files_changes_no_match() -> None:
    rng = np.random.default_rng(0)
    names, keys = (
        [f"cam{c}/{i}.jpg" for c in (0, 1) for i in range(9)],
        [f"Cam{c}-{i}" for c in (0, 1) for i in range(9)],
    )
    wanted = dict(zip(names, keys, strict=True))
    assert match_names(names, list(rng.permutation(keys))) == wanted


path_of_a_file = st.lists(st.text("aB0_-. %ü", min_size=1, max_size=5), min_size=1, max_size=3).map("/".join)


@given(st.lists(path_of_a_file, max_size=6, unique=True), st.lists(path_of_a_file, max_size=6, unique=True))
@settings(max_examples=200, deadline=None)
def test_whatever_names_there_are_no_key_serves_two_views(names: list[str], keys: list[str]) -> None:
    found = match_names(names, keys)
    assert set(found) <= set(names) and set(found.values()) <= set(keys)
    assert len(set(found.values())) == len(found)
