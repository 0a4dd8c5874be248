"""nerfstudio's transforms.json and Blender's transforms_{train,test}.json.

Alphabet: transform_matrix is camera to world, 4x4, OpenGL axes (+x right, +y up, -z forward); intrinsics in pixels,
for all frames or per frame. Poses and the points of `ply_file_path` share one world, so `applied_transform` and
`applied_scale`, which relate that world to an earlier one, are not needed.

Source: nerfstudio's documentation ("Data conventions") and the NeRF synthetic data set.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.capture.images import IMAGE_SUFFIXES, image_size
from splatseg.capture.point_cloud import read_point_cloud
from splatseg.capture.reconstruction import Reconstruction, no_points
from splatseg.errors import CaptureError
from splatseg.files import write_json

PINHOLE_MODELS = ("PINHOLE", "SIMPLE_PINHOLE", "OPENCV", "PERSPECTIVE")
DISTORTION = ("k1", "k2", "k3", "k4", "k5", "k6", "p1", "p2")
NEGLIGIBLE = 1e-6
"""Largest distortion coefficient that is ignored: it moves no pixel by more than a hundredth."""
WHITE = (255, 255, 255)
"""Background of Blender's captures."""


def find_transforms(capture: Path) -> Path | None:
    """Return transforms.json or transforms_train.json of a capture, or None."""
    candidates = (capture / "transforms.json", capture / "transforms_train.json")
    return next((path for path in candidates if path.is_file()), None)


def read_transforms(path: Path, with_images: bool = True) -> Reconstruction:
    """Read a transforms file; with a transforms_train.json also the test frames next to it, or else the val frames.

    with_images: False reads cameras only; images may be absent, and frames without an image must state their size.

    Raises CaptureError if the JSON or a pose is damaged, an image is absent, or the lens has distortion.
    """
    content = _load(path)
    cameras, image_paths = _read_frames(path, content, with_images)
    ignore_paths = _ignore_paths(path, content) if with_images else {}
    test_names = _declared_test_names(path, content)
    blender = "camera_angle_x" in content and "fl_x" not in content
    if path.name == "transforms_train.json":
        others = (path.with_name("transforms_test.json"), path.with_name("transforms_val.json"))
        held_out = next((other for other in others if other.is_file()), None)
        if held_out is not None:
            test_cameras, test_paths = _read_frames(held_out, _load(held_out), with_images)
            twice = sorted(test_cameras.keys() & cameras.keys())
            if twice:
                raise CaptureError(
                    f"{path} and {held_out} both name the image '{twice[0]}'; remove it from one of them"
                )
            cameras |= test_cameras
            image_paths |= test_paths
            ignore_paths |= _ignore_paths(held_out, _load(held_out)) if with_images else {}
            test_names = frozenset(test_cameras)
    points, colors = no_points()
    ply = content.get("ply_file_path")
    if isinstance(ply, str) and (path.parent / ply).is_file():
        points, colors = read_point_cloud(path.parent / ply)
    background = WHITE if blender else None
    return Reconstruction(path, cameras, points, colors, image_paths, test_names, background, ignore_paths)


def write_transforms(path: Path, cameras: Mapping[str, Camera]) -> None:
    """Write cameras by name, atomically, as a transforms.json without images, which `capture.load_cameras` reads.

    The skew of a camera is not written: the format has no field for it.

    Example:
        >>> splatseg.write_transforms(folder / "path.json", {"start": scene.view("000.jpg").camera})
        >>> (folder / "path.json").exists()
        True
    """
    frames = []
    for name, camera in cameras.items():
        pose = np.eye(4)
        # Camera to world; the camera's y and z axes change sign from OpenCV's to OpenGL's.
        pose[:3, :3] = camera.viewmat[:3, :3].T * [1.0, -1.0, -1.0]
        pose[:3, 3] = camera.position
        K = camera.K
        lens = {"fl_x": K[0, 0], "fl_y": K[1, 1], "cx": K[0, 2], "cy": K[1, 2]}
        size = {"w": camera.width, "h": camera.height}
        numbers = {key: float(value) for key, value in lens.items()}
        frames.append({"file_path": name, **size, **numbers, "transform_matrix": pose.tolist()})
    write_json(path, {"camera_model": "PINHOLE", "frames": frames})


def _load(path: Path) -> dict[str, Any]:
    """Read the JSON of a transforms file with at least one frame. Raises CaptureError if it is not one."""
    try:
        content = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise CaptureError(f"{path} is not readable JSON ({error}); export it again") from error
    if not isinstance(content, dict) or not isinstance(content.get("frames"), list) or not content["frames"]:
        raise CaptureError(f"{path} lists no frames; expected a nerfstudio or Blender transforms file")
    return content


def _read_frames(path: Path, content: dict[str, Any], with_images: bool) -> tuple[dict[str, Camera], dict[str, Path]]:
    """Return cameras and image files by view name."""
    frames, image_paths = {}, {}
    for index, frame in enumerate(content["frames"]):
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str) or not frame["file_path"]:
            raise CaptureError(f"{path}: frame {index} has no file_path; name its image there")
        image_path = _image_path(path.parent, frame["file_path"])
        name = _view_name(path.parent, image_path)
        if name in frames:
            raise CaptureError(f"{path} names the image '{name}' twice; remove one of the frames")
        frames[name], image_paths[name] = {**content, **frame}, image_path
    absent = [str(image_path) for image_path in image_paths.values() if not image_path.is_file()]
    if absent and with_images:
        raise CaptureError(
            f"{len(absent)} of {len(frames)} images named in {path} are absent: {', '.join(absent[:3])}"
            f"{', ...' if len(absent) > 3 else ''}; put them there"
        )
    cameras = {name: _camera(frame, image_paths[name], f"{path}, '{name}'") for name, frame in frames.items()}
    return cameras, image_paths


def _ignore_paths(path: Path, content: dict[str, Any]) -> dict[str, Path]:
    """Return ignore masks (`mask_path`) by view name. Raises CaptureError if a named mask is absent."""
    named = {}
    for frame in content["frames"]:
        mask = frame.get("mask_path")
        if isinstance(mask, str) and mask:
            name = _view_name(path.parent, _image_path(path.parent, frame["file_path"]))
            named[name] = path.parent / mask.replace("\\", "/")
    absent = [str(mask) for mask in named.values() if not mask.is_file()]
    if absent:
        raise CaptureError(
            f"{len(absent)} of {len(named)} ignore masks (mask_path) named in {path} are absent: "
            f"{', '.join(absent[:3])}{', ...' if len(absent) > 3 else ''}; put them there or remove mask_path"
        )
    return named


def _image_path(folder: Path, file_path: str) -> Path:
    """Return the file of a frame's image; Blender leaves its suffix out."""
    path = folder / file_path.replace("\\", "/")
    if path.suffix.lower() in IMAGE_SUFFIXES or path.is_file():
        return path
    candidates = [path.with_name(path.name + suffix) for suffix in IMAGE_SUFFIXES]
    return next((candidate for candidate in candidates if candidate.is_file()), candidates[0])


def _view_name(folder: Path, image_path: Path) -> str:
    """Return the path of an image inside the capture; for images elsewhere, the path without "..", or the name."""
    try:
        relative = PurePosixPath(image_path.relative_to(folder).as_posix())
    except ValueError:
        return image_path.name
    return "/".join(part for part in relative.parts if part not in ("..", "/"))


def _number(frame: dict[str, Any], key: str, where: str) -> float | None:
    """Return a number of a frame, None if it is absent. Raises CaptureError if it is not finite or not a number."""
    value = frame.get(key)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise CaptureError(f"{where}: {key} is not a finite number; export the cameras again")
    return float(value)


def _camera(frame: dict[str, Any], image_path: Path, where: str) -> Camera:
    """Return the camera of a frame. Raises CaptureError, which names the frame by `where`, if it is no pinhole."""
    model = frame.get("camera_model", "PINHOLE")
    lens = [key for key in DISTORTION if abs(_number(frame, key, where) or 0.0) > NEGLIGIBLE]
    if model not in PINHOLE_MODELS or lens:
        found = f"lens distortion ({', '.join(lens)})" if lens else f"the camera model {model}"
        raise CaptureError(
            f"{where}: {found} is not supported, only pinhole cameras are; undistort the images first, for instance "
            "with `colmap image_undistorter`"
        )
    width, height = _number(frame, "w", where), _number(frame, "h", where)
    if width is None or height is None:
        if not image_path.is_file():
            raise CaptureError(f"{where}: there is neither an image nor a size; state w and h in pixels")
        width, height = image_size(image_path)
    if not (1 <= width < 2**20 and 1 <= height < 2**20):
        raise CaptureError(f"{where}: the size {width:g}x{height:g} is impossible; state w and h in pixels")
    fx = _focal(frame, "fl_x", "camera_angle_x", width, where)
    fy = _focal(frame, "fl_y", "camera_angle_y", height, where)
    fx, fy = fx or fy, fy or fx
    if fx is None or fy is None or fx <= 0 or fy <= 0:
        raise CaptureError(f"{where}: no usable focal length; state fl_x in pixels or camera_angle_x in radians")
    cx, cy = _number(frame, "cx", where), _number(frame, "cy", where)
    K = np.array([[fx, 0, width / 2 if cx is None else cx], [0, fy, height / 2 if cy is None else cy], [0, 0, 1.0]])
    return Camera(_viewmat(frame.get("transform_matrix"), where), K, int(width), int(height))


def _focal(frame: dict[str, Any], key: str, angle_key: str, side: float, where: str) -> float | None:
    """Return the focal length in pixels, as stated or from the angle of view over `side` pixels, or None."""
    focal, angle = _number(frame, key, where), _number(frame, angle_key, where)
    if focal is None and angle is not None and 0 < angle < math.pi:
        return 0.5 * side / math.tan(0.5 * angle)
    return focal


def _viewmat(matrix: Any, where: str) -> np.ndarray:
    """Return world to camera in OpenCV axes from camera to world in OpenGL axes, with any scale of the axes removed."""
    try:
        pose = np.array(matrix, dtype=np.float64)
    except (ValueError, TypeError, OverflowError) as error:
        raise CaptureError(
            f"{where}: transform_matrix is not a 4x4 matrix of numbers; export the cameras again"
        ) from error
    if pose.shape not in ((4, 4), (3, 4)) or not np.isfinite(pose).all():
        raise CaptureError(f"{where}: transform_matrix is not a 4x4 matrix of finite numbers; export the cameras again")
    lengths = np.linalg.norm(pose[:3, :3], axis=0)
    # Columns are the camera's axes in the world: unit length, y and z turned from OpenGL's to OpenCV's.
    rotation = pose[:3, :3] / np.where(lengths > 0, lengths, 1.0) * [1.0, -1.0, -1.0]
    if not np.allclose(rotation.T @ rotation, np.eye(3), atol=1e-3) or np.linalg.det(rotation) < 0:
        raise CaptureError(f"{where}: transform_matrix does not hold a rotation; export the cameras again")
    viewmat = np.eye(4)
    viewmat[:3, :3] = rotation.T
    viewmat[:3, 3] = -rotation.T @ pose[:3, 3]
    return viewmat


def _declared_test_names(path: Path, content: dict[str, Any]) -> frozenset[str] | None:
    """Return nerfstudio's test_filenames (or else val_filenames) as view names; None if it declares no split."""
    for key in ("test_filenames", "val_filenames"):
        names = content.get(key)
        if isinstance(names, list) and names and all(isinstance(name, str) for name in names):
            return frozenset(_view_name(path.parent, _image_path(path.parent, name)) for name in names)
    return None
