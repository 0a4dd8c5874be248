"""Folders of masks as programs and people lay them out are read, or refused with the way out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from scenes import camera

from splatseg.capture.view import View
from splatseg.errors import MaskError
from splatseg.masks.store import open_masks

VIEWS = [View(f"frame_{i:05}.jpg", camera(24, 16)) for i in range(1, 4)]
STEMS = [view.name.removesuffix(".jpg") for view in VIEWS]

MAP = np.zeros((16, 24), np.uint8)
MAP[:8], MAP[8:12] = 1, 2
"""A label map of two segments, of 8 and 4 rows."""


def save(path: Path, pixels: np.ndarray = MAP) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def photograph(path: Path) -> None:
    save(path, np.random.default_rng(0).integers(0, 256, (16, 24, 3), dtype=np.uint8))


def areas(folder: Path) -> list[list[int]]:
    """Rows that each segment of each view covers."""
    masks = open_masks(folder, VIEWS)
    found = [masks.read(view) for view in VIEWS]
    return [[] if segments is None else (segments.areas() // 24).tolist() for segments in found]


def langsplat(folder: Path, stem: str) -> None:
    levels = np.full((4, 16, 24), -1, np.int32)
    levels[0, :8], levels[1, 8:12], levels[2, :2], levels[3] = 0, 1, 2, 3
    (folder / "language_features").mkdir(exist_ok=True)
    np.save(folder / "language_features" / f"{stem}_s.npy", levels)
    np.save(folder / "language_features" / f"{stem}_f.npy", np.zeros((4, 512), np.float32))


def grounded_sam2(folder: Path, stem: str) -> None:
    for name in ("mask_data", "json_data"):
        (folder / name).mkdir(exist_ok=True)
    np.save(folder / "mask_data" / f"mask_{stem}.npy", MAP.astype(np.uint16))
    about = {"mask_name": f"mask_{stem}.npy", "labels": {"1": {"instance_id": 1, "class_name": "mug"}}}
    (folder / "json_data" / f"mask_{stem}.json").write_text(json.dumps(about))
    photograph(folder / "result" / f"{stem}.jpg")


def deva(folder: Path, stem: str) -> None:
    save(folder / "Annotations" / f"{stem}.png")
    photograph(folder / "Visualizations" / f"{stem}.jpg")
    (folder / "pred.json").write_text("{}")


def labelme_export(folder: Path, stem: str) -> None:
    save(folder / f"{stem}_json" / "label.png")
    photograph(folder / f"{stem}_json" / "img.png")
    photograph(folder / f"{stem}_json" / "label_viz.png")


def cityscapes(folder: Path, stem: str) -> None:
    save(folder / f"{stem}_gtFine_instanceIds.png")
    for kind in ("labelIds", "color"):
        save(folder / f"{stem}_gtFine_{kind}.png", MAP // 2)
    (folder / f"{stem}_gtFine_polygons.json").write_text("{}")


def with_overlays(folder: Path, stem: str) -> None:
    save(folder / f"{stem}_mask.png")
    photograph(folder / f"{stem}_overlay.png")
    photograph(folder / f"{stem}_img.png")


def tensors(folder: Path, stem: str) -> None:
    torch.save(torch.from_numpy(MAP), folder / f"{stem}.pth")


def arrays_with_boxes(folder: Path, stem: str) -> None:
    np.savez(folder / f"{stem}.npz", mug=MAP == 1, cup=MAP == 2, boxes=np.zeros((2, 4)), scores=np.ones(2))


def detections(folder: Path, stem: str) -> None:
    np.savez(folder / f"{stem}.npz", pred_masks=np.stack([MAP == 1, MAP == 2]), pred_boxes=np.zeros((2, 4)))


def masks_on_the_last_axis(folder: Path, stem: str) -> None:
    np.save(folder / f"{stem}.npy", np.stack([MAP == 1, MAP == 2], axis=-1))


def colors_in_an_array(folder: Path, stem: str) -> None:
    np.save(folder / f"{stem}.npy", np.array([[0, 0, 0], [9, 9, 9], [250, 9, 9]], np.uint8)[MAP])


LAYOUTS: list[Callable[[Path, str], None]] = [
    *(grounded_sam2, deva, labelme_export, cityscapes, with_overlays, tensors, arrays_with_boxes, detections),
    *(masks_on_the_last_axis, colors_in_an_array),
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.__name__)
def test_masks_are_told_from_what_programs_write_beside_them(
    tmp_path: Path, layout: Callable[[Path, str], None]
) -> None:
    for stem in STEMS:
        layout(tmp_path, stem)
    assert areas(tmp_path) == [[8, 4]] * 3


@pytest.mark.parametrize("inner", ["", "language_features"])
def test_the_four_levels_of_langsplat_are_overlapping_masks_from_id_0_on(tmp_path: Path, inner: str) -> None:
    for stem in STEMS:
        langsplat(tmp_path, stem)
    assert areas(tmp_path / inner) == [[8, 4, 2, 16]] * 3


@pytest.mark.parametrize(
    "pattern",
    [
        *("{object}/{number:05}.png", "{object}/{stem}.png", "{object}/masks/{stem}.png", "masks/{object}/{stem}.png"),
        *("{stem}/{object}.png", "{stem}_{object}.png", "{object}_{stem}.png", "object_{object}_{stem}.png"),
        "{stem}_{object}_mask.png",
    ],
)
@pytest.mark.parametrize("objects", [("mug", "cup"), ("1", "2")])
def test_a_mask_for_each_object_and_view_is_read_however_they_are_laid_out(
    tmp_path: Path, pattern: str, objects: tuple[str, str]
) -> None:
    for number, stem in enumerate(STEMS, 1):
        for i, thing in enumerate(objects, 1):
            place = pattern.format(object=thing, stem=stem, number=number)
            save(tmp_path / place, (i == MAP).astype(np.uint8) * 255)
    assert [sorted(rows) for rows in areas(tmp_path)] == [[4, 8]] * 3


def test_an_object_that_some_views_do_not_show_is_missing_there_alone(tmp_path: Path) -> None:
    for stem in STEMS:
        save(tmp_path / f"{stem}_mug.png", (MAP == 1).astype(np.uint8) * 255)
    save(tmp_path / f"{STEMS[1]}_cup.png", (MAP == 2).astype(np.uint8) * 255)
    assert [sorted(rows) for rows in areas(tmp_path)] == [[8], [4, 8], [8]]


def coco(names: list[str], **more: Any) -> str:
    rows = [{"image_id": i, "segmentation": [[0, 0, 24, 0, 24, 8, 0, 8]]} for i in range(len(names))]
    images = [{"id": i, "file_name": name, "width": 24, "height": 16} for i, name in enumerate(names)]
    return json.dumps({"images": images, "annotations": rows} | more)


def test_data_sets_of_any_name_and_in_parts_are_read_from_their_folder(tmp_path: Path) -> None:
    names = [view.name for view in VIEWS]
    (tmp_path / "one").mkdir()
    (tmp_path / "one" / "my export.json").write_text(coco(names))
    assert areas(tmp_path / "one") == [[8]] * 3
    for part, inside in {"train": names[:2], "valid": names[2:]}.items():
        (tmp_path / "parts" / part).mkdir(parents=True)
        (tmp_path / "parts" / part / "_annotations.coco.json").write_text(coco(inside))
        for name in inside:
            photograph(tmp_path / "parts" / part / name)
    captions = [{"image_id": 0, "caption": "a table"}]
    (tmp_path / "parts" / "captions.json").write_text(coco(names, annotations=captions))
    assert areas(tmp_path / "parts") == [[8]] * 3
    (tmp_path / "parts" / "again.json").write_text(coco(names[:1]))
    with pytest.raises(
        MaskError, match=r"again\.json and .*train/_annotations\.coco\.json both hold masks of 'frame_0"
    ):
        open_masks(tmp_path / "parts", VIEWS)


@pytest.mark.parametrize("given", ["all.npz", ""])
def test_arrays_of_all_views_in_one_file_are_read_by_their_names(tmp_path: Path, given: str) -> None:
    np.savez(tmp_path / "all.npz", **{STEMS[0]: MAP, STEMS[2]: np.stack([MAP == 1, MAP == 2, MAP > 0])})
    assert areas(tmp_path / given) == [[8, 4], [], [8, 4, 12]]


def test_a_damaged_array_among_those_of_all_views_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "all.npz", **{STEMS[0]: MAP, STEMS[1]: np.array("text")})
    masks = open_masks(tmp_path / "all.npz", VIEWS)
    with pytest.raises(MaskError, match=r"masks 'frame_00002\.npy' in .*all\.npz cannot be read \(an array of <U4"):
        masks.read(VIEWS[1])
    (tmp_path / "all.npz").write_bytes(b"PK\x03\x04")
    with pytest.raises(MaskError, match=r"all\.npz cannot be read"):
        open_masks(tmp_path / "all.npz", VIEWS)


@pytest.mark.parametrize(
    ("suffix", "way"),
    [
        (".h5", "HDF5 is not read; save the masks of each view as <view>.npy"),
        (".pkl", "a pickle can run code and is never opened"),
        (".pkl.gz", "a pickle can run code and is never opened"),
        (".txt", "polygons of YOLO have no size; export as COCO"),
        (".xml", "XML of CVAT or Pascal VOC is not read; export as COCO"),
        (".exr", "floating-point numbers are not read; save ids as 16-bit PNG"),
        (".mat", "scipy.io.loadmat"),
        (".mp4", "a video; write a PNG for each frame"),
        (".zip", "unpack it"),
        (".csv", "run lengths in tables are not read; export as COCO"),
    ],
)
def test_what_is_not_read_is_named_with_the_way_out(tmp_path: Path, suffix: str, way: str) -> None:
    for stem in STEMS:
        (tmp_path / f"{stem}{suffix}").write_bytes(b"x")
    with pytest.raises(MaskError) as error:
        open_masks(tmp_path, VIEWS)
    assert way in str(error.value) and f"frame_00001{suffix}, " in str(error.value)
    with pytest.raises(MaskError) as error:
        open_masks(tmp_path / f"frame_00001{suffix}", VIEWS)
    assert way in str(error.value) and f"frame_00001{suffix} is not a folder of masks" in str(error.value)


def test_photographs_beside_polygons_of_yolo_are_not_taken_for_masks(tmp_path: Path) -> None:
    (tmp_path / "labels").mkdir()
    for stem in STEMS:
        photograph(tmp_path / "images" / f"{stem}.jpg")
        (tmp_path / "labels" / f"{stem}.txt").write_text("0 0.1 0.1 0.5 0.1 0.5 0.5\n")
    with pytest.raises(MaskError, match=r"holds no masks but 3 files \.txt \(labels/frame_00001\.txt.*YOLO"):
        open_masks(tmp_path, VIEWS)


@pytest.mark.parametrize(
    ("content", "way"),
    [
        ([{"id": 1, "data": {"image": "/data/upload/1/a.jpg"}, "annotations": [{"result": []}]}], "Label Studio's own"),
        ({"frame_00001.jpg99": {"filename": "frame_00001.jpg", "regions": []}}, "VGG Image Annotator: export as COCO"),
        (
            json.loads(coco(["a"], annotations=[{"image_id": 0, "segmentation": [], "bbox": [0, 0, 1, 1]}])),
            "boxes or",
        ),
        (
            json.loads(coco(["a"], annotations=[{"image_id": 0, "segments_info": [{"id": 1}]}])),
            "PNG files: give",
        ),
    ],
)
@pytest.mark.parametrize("given", ["export.json", ""])
def test_json_of_other_tools_is_named_with_the_way_out(tmp_path: Path, content: Any, way: str, given: str) -> None:
    (tmp_path / "export.json").write_text(json.dumps(content))
    with pytest.raises(MaskError, match=rf"export\.json is no COCO data set of masks \(.*{way}"):
        open_masks(tmp_path / given, VIEWS)


@pytest.mark.parametrize("given", ["masks.npy", ""])
def test_a_stack_that_does_not_name_its_views_is_refused(tmp_path: Path, given: str) -> None:
    np.save(tmp_path / "masks.npy", np.stack([MAP] * 3))
    with pytest.raises(MaskError, match=r"masks\.npy is one array for all views, .*; save a \.npz with an array under"):
        open_masks(tmp_path / given, VIEWS)


def test_features_without_their_masks_and_logits_say_what_is_meant(tmp_path: Path) -> None:
    np.save(tmp_path / f"{STEMS[0]}_f.npy", np.random.default_rng(0).normal(size=(9, 512)).astype(np.float32))
    with pytest.raises(MaskError, match=r"language features, of which the masks are the files _s\.npy beside them"):
        open_masks(tmp_path, VIEWS).read(VIEWS[0])
    np.save(tmp_path / f"{STEMS[1]}.npy", np.random.default_rng(0).normal(size=(2, 16, 24)))
    with pytest.raises(MaskError, match=r"neither a label map .* save logits > 0"):
        open_masks(tmp_path, VIEWS).read(VIEWS[1])
