"""Masks under the names that programs give them belong to their view; names that could mean two views to none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scenes import camera

from splatseg.capture.matching import match_names
from splatseg.capture.view import View
from splatseg.errors import MaskError
from splatseg.evaluate.truth import read_truth
from splatseg.masks.flatten import flatten_masks
from splatseg.masks.names import numbered_names
from splatseg.masks.store import all_masks, open_masks

VIEWS = ("000.jpg", "001.jpg", "002.jpg")


def views(*names: str) -> list[View]:
    return [View(name, camera(24, 16)) for name in names]


def write_mask(path: Path, first: int, last: int, value: int = 255) -> Path:
    """White rows first..last - 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = np.zeros((16, 24), np.uint8)
    labels[first:last] = value
    Image.fromarray(labels).save(path)
    return path


@pytest.mark.parametrize(
    "pattern",
    [
        *("{}.png", "mask_{}", "{}_mask", "{}-seg", "mask{}", "{}.jpg_mask", "frame_{}", "{}_instance_v2", "{} copy"),
        *("1a2b3c4d-{}", "0f0f0f0f_{}", "12345678-1234-1234-1234-123456789abc-{}"),
        *("{}_jpg.rf.0a1b2c3d4e5f60718293a4b5c6d7e8f9", "{}_jpeg.rf.AbCdEfGh", "{}.rf.0a1b2c3d"),
    ],
)
def test_what_programs_add_to_a_name_does_not_hide_the_view(pattern: str) -> None:
    keys = [pattern.format(name.removesuffix(".jpg")) for name in VIEWS]
    assert match_names(VIEWS, keys) == dict(zip(VIEWS, keys, strict=True))


def test_hex_digits_differ_from_file_to_file() -> None:
    keys = ["0a0a0a0a-000", "ffffffff-001", "12345678-002"]
    assert match_names(VIEWS, keys) == dict(zip(VIEWS, keys, strict=True))


def test_signs_between_letters_may_differ_in_names_of_annotation_tools() -> None:
    keys = ["IMG-7-left_png.rf.0123456789abcdef0123456789abcdef", "1a2b3c4d-IMG_8_right"]
    found = match_names(["a/IMG 7.left.png", "IMG 8 right.JPG"], keys)
    assert found == {"a/IMG 7.left.png": keys[0], "IMG 8 right.JPG": keys[1]}


@pytest.mark.parametrize(
    "keys",
    [
        ["left_000", "right_000", "left_001", "right_001"],
        ["1000", "1001", "2000", "2001"],
        ["1a2b3c4d-000", "5a2b3c4d-000"],
        ["x/000", "y/000"],
        ["a000b", "c000d"],
    ],
)
def test_names_that_could_mean_two_files_or_cut_a_number_mean_none(keys: list[str]) -> None:
    assert match_names(VIEWS, keys) == {}


def test_a_plain_name_comes_before_one_with_additions() -> None:
    assert match_names(VIEWS, ["000", "mask_000", "mask_001"]) == {"000.jpg": "000", "001.jpg": "mask_001"}


def test_numbers_do_not_make_the_wrong_view() -> None:
    names = [f"{i}.jpg" for i in range(12)]
    assert match_names(names, [f"frame_{i}_of_12" for i in range(12)]) == {
        n: f"frame_{i}_of_12" for i, n in enumerate(names)
    }


def amg_folder(folder: Path, scores: tuple[object, ...] = (0.9, 0.8, 0.7)) -> Path:
    """A folder as scripts/amg.py writes it: the table before its order, masks that overlap."""
    for i, rows in enumerate([(0, 16), (0, 4), (2, 9)]):
        write_mask(folder / f"{i}.png", *rows)
    table = ["id,area,predicted_iou,stability_score", *(f"{i},1,{score},0.95" for i, score in enumerate(scores))]
    (folder / "metadata.csv").write_text("\n".join(table))
    return folder


def test_folders_of_segment_anythings_script_are_read_with_their_scores(tmp_path: Path) -> None:
    for name in ("000", "001", "x/002"):
        amg_folder(tmp_path / name)
    seen = views(*VIEWS)
    masks = open_masks(tmp_path, seen)
    assert masks.names == VIEWS
    segments = masks.read(seen[2])
    assert segments is not None and segments.areas().tolist() == [16 * 24, 4 * 24, 7 * 24]
    assert segments.scores.tolist() == pytest.approx([0.9, 0.8, 0.7])


def test_more_than_ten_masks_of_a_folder_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    for i in range(12):
        write_mask(tmp_path / "000" / f"{i}.png", i, i + 1)
    segments = open_masks(tmp_path, views("000.jpg")).read(views("000.jpg")[0])
    assert segments is not None and [int(segments.mask(i + 1).argmax() // 24) for i in range(12)] == list(range(12))


def test_folders_of_views_need_no_table_and_numbers_in_them_are_no_views(tmp_path: Path) -> None:
    names = ("0.jpg", "1.jpg", "7.jpg")
    for name in ("0", "1"):
        for i in (0, 7):
            write_mask(tmp_path / name / f"{i}.png", i, i + 3)
    masks = open_masks(tmp_path, views(*names))
    assert masks.names == ("0.jpg", "1.jpg")
    assert masks.read(views("1.jpg")[0]).count == 2  # type: ignore[union-attr]


def test_a_folder_with_one_label_map_is_that_label_map(tmp_path: Path) -> None:
    path = write_mask(tmp_path / "000" / "masks.png", 0, 4, value=3)
    masks = open_masks(tmp_path, views("000.jpg"))
    assert masks.files == {"000.jpg": path} and not masks.parts


def test_numbered_files_are_the_masks_of_their_view(tmp_path: Path) -> None:
    for view in ("000", "001"):
        for i in range(3):
            write_mask(tmp_path / f"{view}_mask_{i}.png", 4 * i, 4 * i + 4)
    masks = open_masks(tmp_path, views(*VIEWS))
    assert masks.names == ("000.jpg", "001.jpg")
    assert masks.read(views("001.jpg")[0]).count == 3  # type: ignore[union-attr]


def test_numbered_views_are_not_taken_for_masks_of_one() -> None:
    keys = ["frame_0", "frame_1", "frame_2"]
    assert numbered_names(["frame.jpg"], keys) == {"frame.jpg": tuple(keys)}
    assert match_names([f"{key}.jpg" for key in keys], keys) == {f"{key}.jpg": key for key in keys}


def test_a_folder_of_each_object_holds_one_mask_of_each_view(tmp_path: Path) -> None:
    for i, thing in enumerate(("mug", "table")):
        for name in VIEWS[i:]:
            write_mask(tmp_path / thing / name.replace("jpg", "png"), 0, 4 + i)
    masks = open_masks(tmp_path, views(*VIEWS))
    assert [masks.read(view).count for view in views(*VIEWS)] == [1, 2, 2]  # type: ignore[union-attr]
    assert open_masks(tmp_path / "table", views(*VIEWS)).names == VIEWS[1:]


def test_files_of_one_name_in_deeper_folders_are_told(tmp_path: Path) -> None:
    for kind in ("a/b", "c/d"):
        write_mask(tmp_path / kind / "000.png", 0, 4)
    with pytest.raises(MaskError, match=r"not told apart by their names: a/b/000, c/d/000 may be of 000\.jpg; name"):
        open_masks(tmp_path, views(*VIEWS))


def test_label_maps_of_different_kinds_in_several_folders_are_not_put_together(tmp_path: Path) -> None:
    for kind in ("instances", "classes"):
        write_mask(tmp_path / kind / "000.png", 0, 4)
        labels = np.arange(16, dtype=np.uint8)[:, None].repeat(24, 1) // 4 * 20
        Image.fromarray(labels).save(tmp_path / kind / "001.png")
    masks = open_masks(tmp_path, views(*VIEWS))
    with pytest.raises(
        MaskError, match=r"001\.png has 3 ids and lies in one of several folders with masks of that view"
    ):
        masks.read(views("001.jpg")[0])


@pytest.mark.parametrize("pattern", ["{}_masks/{}.png", "{}/masks/{}.png", "masks/{}/{}.png", "{}.jpg/mask_{}.png"])
def test_folders_of_views_may_have_other_names_around_them(tmp_path: Path, pattern: str) -> None:
    for name in ("000", "001"):
        for i in range(3):
            write_mask(tmp_path / pattern.format(name, i), i, i + 1)
    masks = open_masks(tmp_path, views(*VIEWS))
    assert [masks.read(view).count for view in views("000.jpg", "001.jpg")] == [3, 3]  # type: ignore[union-attr]


def test_beside_images_in_the_folder_of_a_view_the_masks_count(tmp_path: Path) -> None:
    for i in range(3):
        write_mask(tmp_path / "000" / "masks" / f"a{i}.png", i, i + 1)
    write_mask(tmp_path / "000" / "images" / "000.png", 0, 9)
    assert open_masks(tmp_path, views("000.jpg")).read(views("000.jpg")[0]).count == 3  # type: ignore[union-attr]


@pytest.mark.parametrize("suffix", [".tif", ".webp", ".bmp", ".jpg"])
def test_other_pictures_are_masks_if_there_is_nothing_else(tmp_path: Path, suffix: str) -> None:
    image = Image.open(write_mask(tmp_path / "a.png", 0, 8))
    image.save(tmp_path / f"000{suffix}", **({"lossless": True} if suffix == ".webp" else {}))
    assert open_masks(tmp_path, views("000.jpg", "a.jpg")).names == ("a.jpg",)
    (tmp_path / "a.png").unlink()
    segments = open_masks(tmp_path, views("000.jpg")).read(views("000.jpg")[0])
    assert segments is not None and segments.areas().tolist() == [8 * 24]


def test_masks_of_one_view_must_be_of_one_size_and_readable(tmp_path: Path) -> None:
    folder = amg_folder(tmp_path / "000")
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "3.png")
    with pytest.raises(MaskError, match=r"differ in size: .*3\.png is 8x8 and 0\.png 24x16"):
        open_masks(tmp_path, views("000.jpg")).read(views("000.jpg")[0])
    (folder / "3.png").write_bytes(b"x")
    with pytest.raises(MaskError, match=r"000/3\.png cannot be read"):
        open_masks(tmp_path, views("000.jpg")).read(views("000.jpg")[0])
    (folder / "3.png").unlink()
    (folder / "metadata.csv").write_text("number,score\n0,1")
    with pytest.raises(MaskError, match=r"metadata\.csv cannot be read"):
        open_masks(tmp_path, views("000.jpg")).read(views("000.jpg")[0])


def test_folders_of_masks_are_flattened_too(tmp_path: Path) -> None:
    amg_folder(tmp_path / "masks" / "000")
    assert list(all_masks(tmp_path / "masks")) == ["000"]
    assert flatten_masks(tmp_path / "masks", tmp_path / "out", "cgc").views == 1
    labels = np.asarray(Image.open(tmp_path / "out" / "seg_masks" / "000.png"))
    assert np.unique(labels).tolist() == [1, 2, 3]


def test_masks_without_ids_are_no_ground_truth(tmp_path: Path) -> None:
    amg_folder(tmp_path / "000")
    with pytest.raises(MaskError, match="without ids that are the same in all views"):
        read_truth(tmp_path, views("000.jpg"))


@pytest.mark.parametrize("name", ["_annotations.coco.json", "result.json", "annotations/instances_default.json"])
def test_the_folder_of_an_annotation_tool_is_its_data_set(tmp_path: Path, name: str) -> None:
    content = {
        "images": [
            {"id": i, "file_name": f"images\\1\\{i}bc{i}ef{i}f-00{i}.jpg", "width": 24, "height": 16} for i in (0, 1)
        ],
        "annotations": [{"image_id": i, "segmentation": [[0, 0, 9, 0, 9, 9]]} for i in (0, 1)],
    }
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_text(json.dumps(content))
    masks = open_masks(tmp_path, views(*VIEWS))
    assert masks.names == ("000.jpg", "001.jpg") and masks.dataset is not None
