"""Writers of small data sets in the layouts of the field's benchmarks, from a capture with ground truth.

The demo, 64 views of 320x240 with exact instance masks, is the source; `scene=` takes another folder of that kind.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from capture_files import Model, binary_files, write_files
from PIL import Image
from scipy.spatial.transform import Rotation

from splatseg.capture.capture import load_capture
from splatseg.demo.demo import demo_capture

OBJECTS = {"red mug": 2, "donut": 5, "vase": 18}
TRAINED = ("001.jpg", "002.jpg", "003.jpg", "004.jpg")
HELD_OUT = ("000.jpg", "008.jpg", "016.jpg")


def true_mask(view: str, label: int, scene: Path | None = None) -> np.ndarray:
    """(H,W) bool of an object in a view ("008.jpg")."""
    folder = (scene or demo_capture()) / "gt" / "instance"
    return np.asarray(Image.open(folder / f"{Path(view).stem}.png")) == label


def save(path: Path, mask: np.ndarray) -> Path:
    """A mask as 0 and 255, or grey levels as they are."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(mask.astype(np.uint8) * 255 if mask.dtype == bool else mask).save(path)
    return path


def lerf_mask(folder: Path, objects: dict[str, int] | None = None, scene: Path | None = None) -> Path:
    """A LERF-Mask scene, photographs under their own names; test view 1 has no masks, view 2 one prompt fewer."""
    objects = objects or OBJECTS
    for index, view in enumerate(HELD_OUT):
        (folder / "test_mask" / str(index)).mkdir(parents=True, exist_ok=True)
        if index == 1:
            continue
        for prompt in list(objects)[: None if index == 0 else -1]:
            save(folder / "test_mask" / str(index) / f"{prompt}.png", true_mask(view, objects[prompt], scene))
    return photographs(folder, scene)


def photographs(folder: Path, scene: Path | None = None) -> Path:
    """images (all) and images_train (all but HELD_OUT) of a LERF-Mask scene, empty files: only their names are read."""
    for source in sorted(((scene or demo_capture()) / "images").iterdir()):
        for name in ("images", "images_train"):
            if name == "images" or source.name not in HELD_OUT:
                (folder / name).mkdir(parents=True, exist_ok=True)
                (folder / name / source.name).touch()
    return folder


def lerf_mask_capture(folder: Path, scene: Path, objects: dict[str, int], test_views: tuple[str, ...]) -> Path:
    """A whole LERF-Mask scene that can be trained on: test views named test_<i>.jpg in a COLMAP model of its own."""
    capture = load_capture(scene)
    names = {view: f"test_{index}.jpg" for index, view in enumerate(test_views)}
    camera = capture.views[0].camera
    parameters = (camera.K[0, 0], camera.K[1, 1], camera.K[0, 2], camera.K[1, 2])
    images = []
    for view in capture.views:
        x, y, z, w = Rotation.from_matrix(view.camera.viewmat[:3, :3]).as_quat()
        name = names.get(view.name, f"frame_{view.name}")
        images.append((name, 1, (w, x, y, z), tuple(view.camera.viewmat[:3, 3]), 0))
        for part in ("images", "images_train"):
            if part == "images" or view.name not in names:
                (folder / part).mkdir(parents=True, exist_ok=True)
                assert view.image_path is not None
                (folder / part / name).write_bytes(view.image_path.read_bytes())
    points = [
        (tuple(map(float, xyz)), tuple(map(int, rgb)), 0)
        for xyz, rgb in zip(capture.points, capture.point_colors, strict=True)
    ]
    model = Model([(1, "PINHOLE", 1, camera.width, camera.height, parameters)], images, points)
    write_files(folder / "sparse" / "0", binary_files(model))
    for index, view in enumerate(test_views):
        for prompt, label in objects.items():
            mask = true_mask(view, label, scene)
            if mask.sum() >= 100:
                save(folder / "test_mask" / str(index) / f"{prompt}.png", mask)
    return folder


def lerf_ovs(folder: Path, scene: str = "table") -> Path:
    """LERF-OVS with two frames of 240x160: a category in two polygons that overlap, one in both frames, one in one."""
    frames = {
        "frame_00002": [
            ("mug", [[20, 20], [80, 20], [80, 80], [20, 80]]),
            ("mug", [[60, 40], [120, 40], [120, 100], [60, 100]]),
            ("plate", [[160, 80], [219, 80], [219, 140], [160, 140]]),
        ],
        "frame_00003": [("plate", [[152, 72], [211, 72], [211, 132], [152, 132]])],
    }
    for name, things in frames.items():
        write_label(folder / "label" / scene / f"{name}.json", things, 240, 160)
        save(folder / "label" / scene / f"{name}.jpg", np.zeros((160, 240), np.uint8))
    return folder


def write_label(path: Path, things: list[tuple[str, list[list[float]]]], width: int, height: int) -> None:
    """A label file of LERF-OVS."""
    objects = []
    for category, polygon in things:
        corners = np.array(polygon)
        box = [*corners.min(0).tolist(), *corners.max(0).tolist()]
        objects.append({"category": category, "group": 1, "segmentation": polygon, "bbox": box, "iscrowd": False})
    content = {"info": {"name": f"{path.stem}.jpg", "width": width, "height": height}, "objects": objects}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def three_d_ovs(folder: Path, views: tuple[str, ...] = ("008.jpg", "016.jpg")) -> Path:
    """A 3D-OVS scene; its classes are listed unsorted, with an empty line."""
    (folder / "segmentations").mkdir(parents=True)
    (folder / "segmentations" / "classes.txt").write_text("red mug\nvase\ndonut\n\n")
    for view in views:
        for name, label in OBJECTS.items():
            save(folder / "segmentations" / Path(view).stem / f"{name}.png", true_mask(view, label))
    return folder


def nvos(folder: Path, task: str = "table", label: int = 18) -> Path:
    """An NVOS task: the true mask in 008, scribbles in 001 at a quarter of the size."""
    save(folder / "masks" / task / "008_mask.png", true_mask("008.jpg", label))
    save(folder / "reference_image" / task / "001.JPG", np.zeros((240, 320), np.uint8))
    mask = true_mask("001.jpg", label)[::4, ::4]
    rows, columns = np.nonzero(mask)
    positive, negative = np.zeros_like(mask), np.zeros_like(mask)
    row = int(np.bincount(rows).argmax())
    positive[row, columns[rows == row][1:-1]] = True
    negative[5, 10:70] = True
    save(folder / "scribbles" / task / f"pos_0_{task}.png", positive)
    save(folder / "scribbles" / task / f"neg_0_{task}.png", negative)
    return folder


def spin_nerf(folder: Path, label: int = 18, views: tuple[str, ...] = ("001.jpg", "002.jpg", "008.jpg")) -> Path:
    """A SPIn-NeRF scene: masks of 0 and 1 beside a cut-out that is none."""
    for view in views:
        save(folder / f"{Path(view).stem}.png", true_mask(view, label).astype(np.uint8))
    save(folder / f"{Path(views[0]).stem}_cutout.png", np.full((240, 320), 99, np.uint8))
    return folder


def copy_masks(source: Path, target: Path) -> Path:
    """All masks under a folder, at the same places under another: perfect predictions."""
    for path in source.rglob("*.png"):
        place = target / path.relative_to(source)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    return target
