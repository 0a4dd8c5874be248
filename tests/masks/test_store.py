"""Folders of masks: which file belongs to which view, at which size, and what is said when none does."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scenes import camera

from splatseg.capture.capture import load_capture
from splatseg.capture.view import View
from splatseg.errors import MaskError
from splatseg.masks.store import open_masks


def views(*names: str, width: int = 24, height: int = 16) -> list[View]:
    return [View(name, camera(width, height)) for name in names]


def write_mask(path: Path, value: int = 1, width: int = 24, height: int = 16) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    labels = np.zeros((height, width), np.uint16)
    labels[: height // 2] = value
    Image.fromarray(labels).save(path)
    return path


@pytest.mark.parametrize(
    ("view", "file"),
    [
        ("000.jpg", "000.png"),
        ("000.jpg", "000.jpg.png"),
        ("a b.v1.2.JPG", "a b.v1.2.png"),
        ("frame.0001", "frame.0001.png"),
        ("left/000.jpg", "left/000.png"),
        ("left/000.jpg", "left/000.jpg.png"),
        ("left/000.jpg", "000.png"),
        ("left/000.jpg", "000.jpg.png"),
        ("000.jpg", "sub/folder/000.png"),
    ],
)
def test_masks_are_found_by_the_name_of_their_view(tmp_path: Path, view: str, file: str) -> None:
    path = write_mask(tmp_path / file)
    write_mask(tmp_path / "another.png")
    masks = open_masks(tmp_path, views(view, "without.jpg"))
    assert masks.files == {view: path} and masks.names == (view,)


def test_equal_names_in_several_folders_are_kept_apart(tmp_path: Path) -> None:
    left, right = write_mask(tmp_path / "left" / "0.png"), write_mask(tmp_path / "right" / "0.png")
    assert open_masks(tmp_path, views("left/0.jpg", "right/0.jpg")).files == {"left/0.jpg": left, "right/0.jpg": right}


def test_a_last_name_that_several_views_or_files_share_is_refused_by_name(tmp_path: Path) -> None:
    write_mask(tmp_path / "0.png")
    with pytest.raises(MaskError, match=r"told apart by their names: 0 may be of left/0\.jpg or right/0\.jpg; name"):
        open_masks(tmp_path, views("left/0.jpg", "right/0.jpg"))
    write_mask(tmp_path / "x" / "1.png")
    write_mask(tmp_path / "y" / "1.png")
    with pytest.raises(MaskError, match=r"not told apart by their names: x/1, y/1 may be of 1\.jpg; name each like"):
        open_masks(tmp_path, views("1.jpg", "0.jpg"))
    assert open_masks(tmp_path / "x", views("1.jpg", "0.jpg")).names == ("1.jpg",)


def test_a_dotted_name_is_not_cut_at_its_first_dot(tmp_path: Path) -> None:
    first, second = write_mask(tmp_path / "a.1.png"), write_mask(tmp_path / "a.2.png")
    assert open_masks(tmp_path, views("a.1.jpg", "a.2.jpg")).files == {"a.1.jpg": first, "a.2.jpg": second}


def test_of_several_kinds_the_richest_is_read(tmp_path: Path) -> None:
    write_mask(tmp_path / "0.png")
    np.save(tmp_path / "0.npy", np.ones((16, 24), int))
    assert open_masks(tmp_path, views("0.jpg")).files["0.jpg"].suffix == ".npy"


def test_hidden_files_are_not_masks(tmp_path: Path) -> None:
    (tmp_path / "._0.png").write_bytes(b"x")
    with pytest.raises(MaskError, match="holds no masks"):
        open_masks(tmp_path, views("0.jpg"))


def test_masks_of_another_size_are_resampled_to_the_camera(tmp_path: Path) -> None:
    write_mask(tmp_path / "0.png", width=48, height=32)
    view = views("0.jpg")[0]
    segments = open_masks(tmp_path, [view]).read(view)
    assert segments is not None
    assert (segments.width, segments.height) == (24, 16) and segments.areas().tolist() == [24 * 8]


def test_masks_of_another_shape_are_an_error(tmp_path: Path) -> None:
    write_mask(tmp_path / "0.png", width=20, height=20)
    view = views("0.jpg")[0]
    with pytest.raises(MaskError, match=r"0\.png is 20x20, but the view '0\.jpg' is 24x16"):
        open_masks(tmp_path, [view]).read(view)


def test_a_view_without_masks_reads_as_none(tmp_path: Path) -> None:
    write_mask(tmp_path / "0.png")
    both = views("0.jpg", "1.jpg")
    assert open_masks(tmp_path, both).read(both[1]) is None


def test_folders_that_cannot_serve_are_explained(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match=r"there is no folder of masks: .*gone"):
        open_masks(tmp_path / "gone", views("0.jpg"))
    (tmp_path / "0.doc").write_bytes(b"x")
    said = r"holds no masks: expected files \.npz, \.npy, \.pt, \.pth, \.json, \.png.* for each view; found 0\.doc"
    with pytest.raises(MaskError, match=said):
        open_masks(tmp_path, views("0.jpg"))
    with pytest.raises(MaskError, match="not a folder of masks: give a folder with a file for each view, a COCO data"):
        open_masks(tmp_path / "0.doc", views("0.jpg"))
    for i in range(5):
        write_mask(tmp_path / "masks" / f"mask{i}x{i}.png")
    with pytest.raises(
        MaskError,
        match=r"expected names like 0\.png, 1\.png, 2\.png; found mask0x0\.png, mask1x1\.png, mask2x2\.png, \.\.\.",
    ):
        open_masks(tmp_path / "masks", views("0.jpg", "1.jpg", "2.jpg", "3.jpg"))


@pytest.mark.parametrize(
    ("name", "folder", "segments", "layers"),
    [("demo", "masks_sim", 131, 1), ("tabletop", "masks_sim", 58, 1), ("tabletop", "masks_nested", 227, 10)],
)
def test_the_development_masks_are_read(shared_data: Path, name: str, folder: str, segments: int, layers: int) -> None:
    capture = load_capture(shared_data / name, downscale=1)
    masks = open_masks(shared_data / name / folder, capture.views)
    assert len(masks.names) == len(capture.views)
    read = masks.read(capture.views[0])
    assert read is not None and (read.count, len(read.layers)) == (segments, layers)
    assert (read.width, read.height) == (640, 480)


def test_the_folders_of_other_programs_are_found_in_the_one_that_holds_them(tmp_path: Path) -> None:
    write_mask(tmp_path / "images" / "a.png")
    path = write_mask(tmp_path / "object_mask" / "a.png")
    assert open_masks(tmp_path, views("a.jpg")).files == {"a.jpg": path}
    write_mask(tmp_path / "seg_masks" / "a.png")
    with pytest.raises(MaskError, match="several folders of masks, seg_masks and object_mask; give the one to take"):
        open_masks(tmp_path, views("a.jpg"))


def test_a_name_cut_at_its_first_dot_counts_if_it_means_one_view(tmp_path: Path) -> None:
    path = write_mask(tmp_path / "a.png")
    assert open_masks(tmp_path, views("left/a.b.jpg", "left/c.jpg")).files == {"left/a.b.jpg": path}
    with pytest.raises(MaskError, match="no mask"):
        open_masks(tmp_path, views("a.1.jpg", "a.2.jpg"))


def coco_dataset(path: Path, **more: object) -> Path:
    content = {
        "images": [{"id": i, "file_name": f"set\\{i}.jpg", "width": 4, "height": 3} for i in range(3)],
        "annotations": [
            {"image_id": 0, "segmentation": [[0, 0, 2, 0, 2, 3, 0, 3]]},
            {"image_id": 1, "segmentation": {"size": [3, 4], "counts": [6, 6]}},
            {"image_id": 1, "segmentation": {"size": [3, 4], "counts": [3, 9]}},
        ],
    }
    path.write_text(json.dumps(content | more))
    return path


def test_a_coco_data_set_serves_all_its_images(tmp_path: Path) -> None:
    seen = views("0.jpg", "1.jpg", "2.jpg", width=8, height=6)
    masks = open_masks(coco_dataset(tmp_path / "set.json"), seen)
    assert masks.names == ("0.jpg", "1.jpg") and masks.read(seen[2]) is None
    one, two = (masks.read(view) for view in seen[:2])
    assert one is not None and one.areas().tolist() == [24] and one.mask(1)[:, :4].all()
    assert two is not None and two.areas().tolist() == [24, 36]


def test_a_coco_data_set_that_cannot_serve_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "set.json"
    path.write_text("{}")
    with pytest.raises(MaskError, match=r"set\.json is no COCO data set of masks \(it lacks 'images'\)"):
        open_masks(path, views("0.jpg"))
    with pytest.raises(MaskError, match="annotations of an image 7 that it does not list"):
        open_masks(coco_dataset(path, annotations=[{"image_id": 7, "segmentation": []}]), views("0.jpg"))
    with pytest.raises(MaskError, match=r"expected names like a\.png; found set/0\.jpg, set/1\.jpg"):
        open_masks(coco_dataset(path), views("a.jpg"))
    rows = [{"image_id": 0, "segmentation": [[1, 2]]}]
    masks = open_masks(coco_dataset(path, annotations=rows), views("0.jpg", width=4, height=3))
    with pytest.raises(MaskError, match=r"masks of 'set/0\.jpg' in .*set\.json cannot be read .*polygon of 1 points"):
        masks.read(views("0.jpg", width=4, height=3)[0])


def test_the_record_of_the_masks_command_is_no_mask(tmp_path: Path) -> None:
    path = write_mask(tmp_path / "0.png")
    (tmp_path / "masks.json").write_text("{}")
    assert open_masks(tmp_path, views("0.jpg", "masks.jpg")).files == {"0.jpg": path}


def test_no_segment_lies_on_pixels_that_the_capture_ignores(tmp_path: Path) -> None:
    [view] = views("0.jpg")
    write_mask(tmp_path / "masks" / "0.jpg.png")
    kept = np.full((16, 24), 255, np.uint8)
    kept[:, 6:] = 0
    Image.fromarray(kept).save(tmp_path / "ignore.png")
    ignoring = replace(view, ignore_path=tmp_path / "ignore.png")
    segments = open_masks(tmp_path / "masks", [view]).read(ignoring)
    assert segments is not None and segments.areas().tolist() == [8 * 6]
    assert segments.ignored is not None and (segments.ignored == (kept == 0)).all()
    small = segments.resized(12, 8)
    assert small.ignored is not None and small.ignored[:, 3:].all() and not small.ignored[:, :3].any()
    itself = replace(view, ignore_path=tmp_path / "masks" / "0.jpg.png")
    assert open_masks(tmp_path / "masks", [view]).read(itself).ignored is None  # type: ignore[union-attr]
    Image.fromarray(np.zeros((16, 24), np.uint8)).save(tmp_path / "ignore.png")
    nothing = open_masks(tmp_path / "masks", [view]).read(ignoring)
    assert nothing is not None and nothing.count == 0
