"""COLMAP sparse models: cameras, images and points3D, binary or text.

Alphabet: qvec (4,) wxyz and tvec (3,) rotate and move world into camera, OpenCV axes; params are the intrinsics in
pixels, the centre of the first pixel at (0.5, 0.5), all as in splatseg. rigs and frames files are not needed: images
carry the poses. Of the 2D points and tracks only the lengths are read, to step over them.

Source: the file format page of COLMAP's documentation ("Output Format"); camera models are those of COLMAP 4.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.capture.point_cloud import read_point_cloud
from splatseg.capture.reconstruction import Reconstruction, no_points
from splatseg.errors import CaptureError

CAMERA_MODELS = (
    ("SIMPLE_PINHOLE", 3),
    ("PINHOLE", 4),
    ("SIMPLE_RADIAL", 4),
    ("RADIAL", 5),
    ("OPENCV", 8),
    ("OPENCV_FISHEYE", 8),
    ("FULL_OPENCV", 12),
    ("FOV", 5),
    ("SIMPLE_RADIAL_FISHEYE", 4),
    ("RADIAL_FISHEYE", 5),
    ("THIN_PRISM_FISHEYE", 12),
    ("RAD_TAN_THIN_PRISM_FISHEYE", 16),
    ("SIMPLE_DIVISION", 4),
    ("DIVISION", 5),
    ("SIMPLE_FISHEYE", 3),
    ("FISHEYE", 4),
    ("EUCM", 6),
    ("EQUIRECTANGULAR", 2),
)
"""Name and number of parameters; the place in the list is the model's id in binary files."""

MODEL_FOLDERS = ("sparse/0", "sparse", "colmap/sparse/0", ".")
"""Where a capture may keep its model, in order of preference."""

MAX_SIDE = 1 << 20
"""A camera wider or higher than this (pixels) is a damaged file."""

_IMAGE = struct.Struct("<I4d3dI")  # id, qvec, tvec, camera id; then the name up to a zero, u64 count, 24 bytes each
_POINT = np.dtype([("id", "<u8"), ("xyz", "<f8", 3), ("rgb", "u1", 3), ("error", "<f8"), ("track", "<u8")])


@dataclass(frozen=True)
class _Intrinsics:
    """One row of the cameras file. A `model` that splatseg cannot use matters only if an image uses it."""

    model: str
    width: int
    height: int
    params: tuple[float, ...]


@dataclass(frozen=True)
class _Pose:
    """One row of the images file."""

    name: str
    camera_id: int
    qvec: tuple[float, ...]
    tvec: tuple[float, ...]


def find_model(capture: Path, folders: tuple[str, ...] = MODEL_FOLDERS) -> Path | None:
    """The first of `folders` in the capture that holds an images or cameras file of COLMAP, or None."""
    for folder in folders:
        if any(_existing(capture / folder, stem) for stem in ("images", "cameras")):
            return capture / folder
    return None


def read_model(folder: Path) -> Reconstruction:
    """Read the model in `folder`. A missing points3D file gives zero points.

    Raises CaptureError when a file is missing, damaged or truncated, or when an image's camera is not a pinhole.
    """
    paths = {}
    for stem in ("cameras", "images"):
        path = _existing(folder, stem)
        if path is None:
            raise CaptureError(f"{folder} has no {stem}.bin or {stem}.txt, so it is not a complete COLMAP model.")
        paths[stem] = path
    binary_cameras, binary_images = (paths[stem].suffix == ".bin" for stem in ("cameras", "images"))
    rows = (_read_cameras_bin if binary_cameras else _read_cameras_txt)(paths["cameras"])
    poses = (_read_images_bin if binary_images else _read_images_txt)(paths["images"])
    if not poses:
        raise CaptureError(f"{paths['images']} registers no images; run COLMAP's mapper (or export its model) again.")
    cameras: dict[str, Camera] = {}
    for pose in poses:
        if pose.name in cameras:
            raise CaptureError(f"{paths['images']} names the image '{pose.name}' twice.")
        if pose.camera_id not in rows:
            raise CaptureError(f"{paths['images']}: '{pose.name}' uses camera {pose.camera_id}, which does not exist.")
        row = rows[pose.camera_id]
        cameras[pose.name] = Camera(
            _viewmat(pose, paths["images"]), _K(row, pose.camera_id, paths["cameras"]), row.width, row.height
        )
    return Reconstruction(folder, cameras, *_read_points(folder))


def _existing(folder: Path, stem: str) -> Path | None:
    return next((path for suffix in (".bin", ".txt") if (path := folder / (stem + suffix)).is_file()), None)


def _K(row: _Intrinsics, camera_id: int, path: Path) -> np.ndarray:
    """The 3x3 matrix of a pinhole; refuses all other models."""
    if row.model not in ("SIMPLE_PINHOLE", "PINHOLE"):
        way_out = (
            "cut the panoramas into perspective images first"
            if row.model == "EQUIRECTANGULAR"
            else "undistort the capture with `colmap image_undistorter --image_path IMAGES --input_path SPARSE "
            "--output_path OUT` and use OUT"
        )
        raise CaptureError(
            f"{path}: camera {camera_id} has the model {row.model}; splatseg reads PINHOLE and SIMPLE_PINHOLE only: "
            f"{way_out}."
        )
    fx, fy, cx, cy = row.params if row.model == "PINHOLE" else (row.params[0], *row.params)
    if not (1 <= row.width <= MAX_SIDE and 1 <= row.height <= MAX_SIDE):
        raise CaptureError(f"{path}: camera {camera_id} has the impossible size {row.width}x{row.height}.")
    if not (np.isfinite(row.params).all() and fx > 0 and fy > 0):
        raise CaptureError(f"{path}: camera {camera_id} has impossible intrinsics {row.params}.")
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def _viewmat(pose: _Pose, path: Path) -> np.ndarray:
    """World to camera, 4x4, from a quaternion of any length but zero."""
    norm = np.linalg.norm(pose.qvec)
    if not (np.isfinite([*pose.qvec, *pose.tvec]).all() and norm > 0):
        raise CaptureError(f"{path}: the pose of '{pose.name}' is not finite or its rotation is zero.")
    w, x, y, z = np.asarray(pose.qvec) / norm
    viewmat = np.eye(4)
    viewmat[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    viewmat[:3, 3] = pose.tvec
    return viewmat


@contextmanager
def _binary(path: Path) -> Iterator[mmap.mmap]:
    """The file's bytes, mapped; whatever goes wrong in reading them means that the file is damaged."""
    try:
        with path.open("rb") as file:
            yield mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (struct.error, ValueError, IndexError, OverflowError, OSError) as error:
        raise CaptureError(f"{path} is damaged or truncated; export the COLMAP model again.") from error


def _count(data: mmap.mmap, smallest_row: int) -> int:
    """The u64 at the start, refused if the file cannot hold as many rows."""
    (count,) = struct.unpack_from("<Q", data, 0)
    if count * smallest_row > len(data):
        raise ValueError("more rows declared than the file can hold")
    return count


def _read_cameras_bin(path: Path) -> dict[int, _Intrinsics]:
    rows = {}
    with _binary(path) as data:
        pos = 8
        for _ in range(_count(data, 40)):
            camera_id, model_id, width, height = struct.unpack_from("<IiQQ", data, pos)
            if not 0 <= model_id < len(CAMERA_MODELS):
                raise CaptureError(
                    f"{path}: camera {camera_id} has the unknown model number {model_id}; splatseg reads PINHOLE and "
                    "SIMPLE_PINHOLE only: undistort the capture with `colmap image_undistorter`."
                )
            model, size = CAMERA_MODELS[model_id]
            params = struct.unpack_from(f"<{size}d", data, pos + 24)
            rows[camera_id] = _Intrinsics(model, width, height, params)
            pos += 24 + 8 * size
    return rows


def _read_images_bin(path: Path) -> list[_Pose]:
    poses = []
    with _binary(path) as data:
        pos = 8
        for _ in range(_count(data, _IMAGE.size + 9)):
            _, *numbers, camera_id = _IMAGE.unpack_from(data, pos)
            end = data.find(b"\0", pos + _IMAGE.size)
            if end < 0:
                raise ValueError("a name without an end")
            name = data[pos + _IMAGE.size : end].decode("utf-8", errors="replace")
            (points2d,) = struct.unpack_from("<Q", data, end + 1)
            pos = end + 9 + 24 * points2d
            poses.append(_Pose(_relative(name, path), camera_id, tuple(numbers[:4]), tuple(numbers[4:])))
        if pos > len(data):
            raise ValueError("the last image's points are cut off")
    return poses


def _relative(name: str, path: Path) -> str:
    """An image name with forward slashes; names that lead out of the image folder are refused."""
    name = name.replace("\\", "/").removeprefix("./")
    if not name or name.startswith("/") or ":" in name.split("/")[0] or ".." in name.split("/"):
        raise CaptureError(f"{path}: the image name '{name}' does not lie inside the image folder.")
    return name


def _rows(path: Path) -> Iterator[tuple[int, str]]:
    """Numbered lines that are not comments, without the line end; blank ones included."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, 1):
            if not line.startswith("#"):
                yield number, line.strip()


def _read_cameras_txt(path: Path) -> dict[int, _Intrinsics]:
    sizes = dict(CAMERA_MODELS)
    rows = {}
    for number, line in _rows(path):
        if not line:
            continue
        try:
            camera_id, model, width, height, *params = line.split()
            row = _Intrinsics(model, int(width), int(height), tuple(map(float, params)))
            if len(row.params) != sizes.get(model, len(row.params)):
                raise ValueError("wrong number of parameters")
            rows[int(camera_id)] = row
        except ValueError as error:
            raise CaptureError(
                f"{path}, line {number}: not a camera (id, model, width, height, parameters)."
            ) from error
    return rows


def _read_images_txt(path: Path) -> list[_Pose]:
    """Two lines an image: the pose, and its 2D points, which may be blank or (some writers) left out."""
    poses = []
    awaits_points = False
    for number, line in _rows(path):
        fields = line.split(None, 9)
        if awaits_points and not _is_pose(fields):
            awaits_points = False
            continue
        if not line:
            continue
        try:
            numbers = tuple(map(float, fields[1:8]))
            poses.append(_Pose(_relative(fields[9], path), int(fields[8]), numbers[:4], numbers[4:]))
        except (ValueError, IndexError) as error:
            raise CaptureError(f"{path}, line {number}: not an image (id, qvec, tvec, camera id, name).") from error
        awaits_points = True
    return poses


def _is_pose(fields: list[str]) -> bool:
    """Tell a pose line from a line of 2D points (x, y, id, x, y, id, ...): only a pose has a name at its end."""
    if len(fields) < 10 or not (fields[0].isdecimal() and fields[8].isdecimal()):
        return False
    rest = fields[9].split(None, 1)
    return len(rest) == 1 or not (_is_number(rest[0]) and _is_number(fields[9].rsplit(None, 1)[-1]))


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _read_points(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """(P,3) float32 and (P,3) uint8; points3D.ply, which some tools leave in its place, is the last resort."""
    path = _existing(folder, "points3D")
    if path is None:
        ply = folder / "points3D.ply"
        return read_point_cloud(ply) if ply.is_file() else no_points()
    with np.errstate(over="ignore"):  # coordinates beyond float32 become infinite, and are dropped
        return _read_points_bin(path) if path.suffix == ".bin" else _read_points_txt(path)


def _read_points_bin(path: Path) -> tuple[np.ndarray, np.ndarray]:
    with _binary(path) as data:
        track_length = struct.Struct("<Q").unpack_from
        count, pos = _count(data, _POINT.itemsize), 8
        starts = np.empty(count, np.int64)
        for i in range(count):
            starts[i] = pos
            pos += _POINT.itemsize + 8 * track_length(data, pos + 43)[0]
        if pos > len(data):
            raise ValueError("the last track is cut off")
        if count == 0:
            return no_points()
        raw = np.frombuffer(data, np.uint8)
        rows = np.lib.stride_tricks.sliding_window_view(raw, _POINT.itemsize)[starts].view(_POINT)[:, 0]
        return rows["xyz"].astype(np.float32), rows["rgb"].copy()


def _read_points_txt(path: Path) -> tuple[np.ndarray, np.ndarray]:
    points, colors = [], []
    for number, line in _rows(path):
        if not line:
            continue
        try:
            fields = line.split(None, 7)
            points.append((float(fields[1]), float(fields[2]), float(fields[3])))
            colors.append((int(fields[4]), int(fields[5]), int(fields[6])))
            if not all(0 <= channel <= 255 for channel in colors[-1]):
                raise ValueError("a colour out of range")
        except (ValueError, IndexError) as error:
            raise CaptureError(f"{path}, line {number}: not a point (id, x, y, z, r, g, b, error, track).") from error
    if not points:
        return no_points()
    return np.array(points, np.float32), np.array(colors, np.uint8)
