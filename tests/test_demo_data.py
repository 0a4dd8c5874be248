"""The embedded capture: small enough, complete, and its pictures, cameras and label maps belong together.

The COLMAP files are read here by hand, so that nothing of the package vouches for itself.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from splatseg.demo import demo as demo_module
from splatseg.demo.demo import demo_capture
from splatseg.errors import CaptureError

CAPTURE = demo_capture()
NAMES = [path.stem for path in sorted((CAPTURE / "images").glob("*.jpg"))]


def picture(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image)


def read_model() -> tuple[np.ndarray, dict[str, np.ndarray], np.ndarray, np.ndarray]:
    """K (3,3), world to camera (4,4) by image name, points (P,3), colours (P,3)."""
    _, _, model, width, height, fx, fy, cx, cy = struct.unpack(
        "<QIiQQ4d", (CAPTURE / "sparse/0/cameras.bin").read_bytes()
    )
    assert (model, width, height) == (1, 320, 240)
    poses, content, at = {}, (CAPTURE / "sparse/0/images.bin").read_bytes(), 8
    for _ in range(struct.unpack_from("<Q", content)[0]):
        _, w, x, y, z, *t, _ = struct.unpack_from("<I7dI", content, at)
        end = content.index(b"\0", at + 64)
        pose = np.eye(4)
        pose[:3, :3] = [
            [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
            [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
            [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
        ]
        pose[:3, 3] = t
        poses[content[at + 64 : end].decode()] = pose
        at = end + 1 + 8 + 24 * struct.unpack_from("<Q", content, end + 1)[0]
    layout = np.dtype([("id", "<u8"), ("xyz", "<f8", 3), ("rgb", "u1", 3), ("error", "<f8"), ("track", "<u8")])
    points = np.frombuffer((CAPTURE / "sparse/0/points3D.bin").read_bytes()[8:], layout)
    K = np.array([[fx, 0, cx], [0, fy, cy], [0, 0, 1]])
    return K, poses, points["xyz"], points["rgb"]


def edges(labels: np.ndarray) -> np.ndarray:
    marked = np.zeros(labels.shape, bool)
    marked[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    marked[1:] |= labels[1:] != labels[:-1]
    return marked


def test_the_capture_fits_the_budget_of_a_package() -> None:
    assert sum(path.stat().st_size for path in CAPTURE.rglob("*") if path.is_file()) <= 3_000_000


def test_every_view_has_a_picture_a_pose_masks_and_the_truth_at_one_size() -> None:
    _, poses, _, _ = read_model()
    assert len(NAMES) == 64
    assert sorted(poses) == [f"{name}.jpg" for name in NAMES]
    for name in NAMES:
        assert picture(CAPTURE / "images" / f"{name}.jpg").shape == (240, 320, 3)
        for folder in ("masks", "gt/instance"):
            labels = picture(CAPTURE / folder / f"{name}.png")
            assert (labels.shape, labels.dtype) == ((240, 320), np.uint8)


def test_the_truth_uses_the_ids_of_the_scene() -> None:
    scene = json.loads((CAPTURE / "gt/scene.json").read_text())
    ids = set(np.unique([picture(CAPTURE / "gt/instance" / f"{name}.png") for name in NAMES]))
    assert ids - {0} == {int(key) for key in scene["objects"]}
    assert set(scene["stuff"]) < ids
    K, *_ = read_model()
    assert (scene["fx"], scene["fy"], scene["cx"], scene["cy"]) == (K[0, 0], K[1, 1], K[0, 2], K[1, 2])


def test_points_have_the_colour_of_the_pixels_they_project_to() -> None:
    K, poses, points, colors = read_model()

    def disagreement(name: str, shift: int) -> float:
        local = points @ poses[name][:3, :3].T + poses[name][:3, 3]
        x, y = ((local @ K.T)[:, :2] / local[:, 2:]).T
        seen = (local[:, 2] > 0) & (x > 20) & (x < 300) & (y > 0) & (y < 240)
        image = picture(CAPTURE / "images" / name).astype(float)
        found = image[y[seen].astype(int), x[seen].astype(int) + shift]
        return float(np.median(np.abs(found - colors[seen]).mean(1)))

    names = [f"{name}.jpg" for name in NAMES[::8]]
    here = np.mean([disagreement(name, 0) for name in names])
    aside = np.mean([disagreement(name, 8) for name in names])
    assert here < 0.8 * aside


@pytest.mark.parametrize("folder", ["masks", "gt/instance"])
def test_segments_end_where_the_picture_has_edges(folder: str) -> None:
    def contrast(shift: int) -> float:
        found = []
        for name in NAMES[::8]:
            grey = picture(CAPTURE / "images" / f"{name}.jpg").astype(float).mean(2)
            slope = np.hypot(*np.gradient(grey))
            found.append(slope[np.roll(edges(picture(CAPTURE / folder / f"{name}.png")), shift, axis=(0, 1))].mean())
        return float(np.mean(found))

    assert contrast(0) > 1.3 * contrast(4)
    assert contrast(0) > 1.3 * contrast(-4)


def test_a_damaged_install_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo_module, "files", lambda package: tmp_path)
    with pytest.raises(CaptureError, match=r"the demo capture is not at .*; reinstall splatseg"):
        demo_capture()
