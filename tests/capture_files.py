"""Writers of small captures for the tests: COLMAP (binary and text), transforms.json, images."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Model:
    """A COLMAP model: cameras (id, model name, model id, width, height, params), images (name, camera id, qvec, tvec,
    number of 2D points), points (xyz, rgb, track length)."""

    cameras: list[tuple[int, str, int, int, int, tuple[float, ...]]]
    images: list[tuple[str, int, tuple[float, ...], tuple[float, ...], int]]
    points: list[tuple[tuple[float, ...], tuple[int, ...], int]]


def model(names: list[str], width: int = 32, height: int = 24, points: int = 5, points2d: int = 3) -> Model:
    """Images of one PINHOLE camera on a line, looking along +z."""
    return Model(
        [(1, "PINHOLE", 1, width, height, (30.0, 31.0, width / 2, height / 2))],
        [(name, 1, (1.0, 0.0, 0.0, 0.0), (0.1 * i, 0.0, 0.0), points2d) for i, name in enumerate(names)],
        [((0.1 * i, 0.0, 2.0), (i, 2 * i, 3 * i), i) for i in range(points)],
    )


def binary_files(content: Model) -> dict[str, bytes]:
    """cameras.bin, images.bin and points3D.bin."""
    cameras = struct.pack("<Q", len(content.cameras))
    for camera_id, _, model_id, width, height, params in content.cameras:
        cameras += struct.pack("<IiQQ", camera_id, model_id, width, height) + struct.pack(f"<{len(params)}d", *params)
    images = struct.pack("<Q", len(content.images))
    for i, (name, camera_id, qvec, tvec, points2d) in enumerate(content.images, 1):
        images += struct.pack("<I7dI", i, *qvec, *tvec, camera_id) + name.encode() + b"\0"
        images += struct.pack("<Q", points2d) + struct.pack("<ddq", 1.5, 2.5, -1) * points2d
    points = struct.pack("<Q", len(content.points))
    for i, (xyz, rgb, track) in enumerate(content.points, 1):
        points += struct.pack("<Q3d3BdQ", i, *xyz, *rgb, 0.5, track) + struct.pack("<II", 1, 0) * track
    return {"cameras.bin": cameras, "images.bin": images, "points3D.bin": points}


def text_files(content: Model) -> dict[str, bytes]:
    """cameras.txt, images.txt and points3D.txt, with the comments that COLMAP writes."""
    cameras = ["# Camera list with one line of data per camera:"]
    for camera_id, name, _, width, height, params in content.cameras:
        cameras.append(f"{camera_id} {name} {width} {height} " + " ".join(map(repr, params)))
    images = ["# Image list with two lines of data per image:"]
    for i, (name, camera_id, qvec, tvec, points2d) in enumerate(content.images, 1):
        images.append(f"{i} {' '.join(map(repr, (*qvec, *tvec)))} {camera_id} {name}")
        images.append(" ".join(["1.5 2.5 -1"] * points2d))
    points = ["# 3D point list"]
    for i, (xyz, rgb, track) in enumerate(content.points, 1):
        points.append(f"{i} {' '.join(map(repr, xyz))} {' '.join(map(str, rgb))} 0.5" + " 1 0" * track)
    texts = {"cameras.txt": cameras, "images.txt": images, "points3D.txt": points}
    return {name: ("\n".join(lines) + "\n").encode() for name, lines in texts.items()}


def write_files(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in files.items():
        (folder / name).write_bytes(content)
    return folder


def write_image(path: Path, width: int = 32, height: int = 24, value: int = 100, **options: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((height, width, 3), value, np.uint8)).save(path, **options)
    return path


def colmap_capture(folder: Path, names: list[str], images: str = "images", **options: Any) -> Path:
    """A binary COLMAP capture with its images."""
    content = model(names, **options)
    write_files(folder / "sparse" / "0", binary_files(content))
    _, _, _, width, height, _ = content.cameras[0]
    for name in names:
        write_image(folder / images / name, width, height)
    return folder


def transforms_capture(folder: Path, names: list[str], file: str = "transforms.json", **content: Any) -> Path:
    """A nerfstudio capture with its images; `content` replaces keys of the file, None removes them."""
    frames = [{"file_path": name, "transform_matrix": np.eye(4).tolist()} for name in names]
    whole = {"camera_model": "OPENCV", "fl_x": 30.0, "fl_y": 31.0, "cx": 16.0, "cy": 12.0, "w": 32, "h": 24}
    whole |= {"frames": frames} | content
    for name in names:
        write_image(folder / (name if Path(name).suffix else name + ".png"))
    kept = {key: value for key, value in whole.items() if value is not None}
    (folder / file).write_text(json.dumps(kept))
    return folder
