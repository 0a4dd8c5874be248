"""nerfstudio's transforms.json and Blender's transforms_{train,test}.json.

Alphabet: transform_matrix is camera to world, 4x4, OpenGL axes (+x right, +y up, -z forward); intrinsics in pixels,
for all frames or per frame. Poses and the points of `ply_file_path` share one world, so `applied_transform` and
`applied_scale`, which relate that world to an earlier one, are not needed.

Source: nerfstudio's documentation ("Data conventions") and the NeRF synthetic data set.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Any

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens_camera import AnyCamera, straightened
from splatseg.capture.frame_lens import lens_of_frame
from splatseg.capture.images import IMAGE_SUFFIXES, image_size
from splatseg.capture.matching import photographs_called_otherwise, pictures_below
from splatseg.capture.names import file_at, is_there
from splatseg.capture.point_cloud import read_point_cloud
from splatseg.capture.reconstruction import Reconstruction, no_points
from splatseg.errors import CaptureError
from splatseg.files import write_json
from splatseg.plain_text import first_few
from splatseg.untrusted.documents import DocumentError, read_json
from splatseg.untrusted.numbers import finite_number
from splatseg.untrusted.paths import shortened

WHITE = (255, 255, 255)
"""Background of Blender's captures."""


def find_transforms(capture: Path) -> Path | None:
    """Return transforms.json or transforms_train.json of a capture, or None."""
    candidates = (capture / "transforms.json", capture / "transforms_train.json")
    return next((path for path in candidates if path.is_file()), None)


def read_transforms(path: Path, with_images: bool = True) -> Reconstruction:
    """Read a transforms file; with a transforms_train.json also the test frames next to it, or else the val frames.

    with_images: False reads cameras only; images may be absent, and frames without an image must state their size.

    Raises CaptureError if the JSON or a pose is damaged, an image is absent, or the lens is of an unknown model.
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
    if isinstance(ply, str) and (cloud := file_at(path.parent / ply.replace("\\", "/"))) is not None:
        points, colors = read_point_cloud(cloud)
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
        content = read_json(path).plain()
    except (OSError, DocumentError) as error:
        raise CaptureError(f"{path} is not readable JSON ({error}); export it again") from error
    if not isinstance(content, dict) or not isinstance(content.get("frames"), list) or not content["frames"]:
        raise CaptureError(f"{path} lists no frames; expected a nerfstudio or Blender transforms file")
    return content


def _read_frames(
    path: Path, content: dict[str, Any], with_images: bool
) -> tuple[dict[str, AnyCamera], dict[str, Path]]:
    """Return cameras and image files by view name."""
    frames: dict[str, Mapping[str, Any]] = {}
    image_paths: dict[str, Path] = {}
    for index, frame in enumerate(content["frames"]):
        if not isinstance(frame, dict) or not isinstance(frame.get("file_path"), str) or not frame["file_path"]:
            raise CaptureError(f"{path}: frame {index} has no file_path; name its image there")
        image_path = _image_path(path.parent, frame["file_path"])
        name = _view_name(path.parent, image_path)
        if name in frames:
            raise CaptureError(f"{path} names the image '{shortened(name)}' twice; remove one of the frames")
        frames[name], image_paths[name] = ChainMap(frame, content), file_at(image_path) or image_path
    image_paths |= _called_otherwise(path.parent, image_paths)
    # An image that is absent is told by who asked; its size is then not needed.
    cameras = {
        name: _camera(frame, image_paths[name], f"{path}, '{shortened(name)}'")
        for name, frame in frames.items()
        if not with_images or is_there(image_paths[name])
    }
    return cameras, image_paths


def _called_otherwise(folder: Path, image_paths: Mapping[str, Path]) -> dict[str, Path]:
    """Return photographs, beside the others or in images/, of frames whose files are not there, by name."""
    there = {name: file for name, file in image_paths.items() if is_there(file)}
    if len(there) == len(image_paths):
        return {}
    beside = {file.parent for file in image_paths.values()} | {folder}
    pictures = {picture for place in beside if place.is_dir() for picture in pictures_below(place, "*")}
    pictures |= set(pictures_below(folder / "images"))
    return photographs_called_otherwise(folder, pictures, list(image_paths), there)


def _ignore_paths(path: Path, content: dict[str, Any]) -> dict[str, Path]:
    """Return ignore masks (`mask_path`) by view name. Raises CaptureError if a named mask is absent."""
    named = {}
    for frame in content["frames"]:
        mask = frame.get("mask_path")
        if isinstance(mask, str) and mask:
            name = _view_name(path.parent, _image_path(path.parent, frame["file_path"]))
            place = path.parent / mask.replace("\\", "/")
            named[name] = file_at(place) or place
    absent = [shortened(str(mask)) for mask in named.values() if file_at(mask) is None]
    if absent:
        raise CaptureError(
            f"{len(absent)} of {len(named)} ignore masks (mask_path) named in {path} are absent: "
            f"{first_few(absent)}; put them there or remove mask_path"
        )
    return named


def _image_path(folder: Path, file_path: str) -> Path:
    """Return the file of a frame's image; Blender leaves its suffix out."""
    path = folder / file_path.replace("\\", "/")
    if path.suffix.lower() in IMAGE_SUFFIXES or file_at(path) is not None:
        return path
    candidates = [path.with_name(path.name + suffix) for suffix in IMAGE_SUFFIXES]
    return next((candidate for candidate in candidates if file_at(candidate) is not None), candidates[0])


def _view_name(folder: Path, image_path: Path) -> str:
    """Return the path of an image inside the capture; for images elsewhere, the path without "..", or the name."""
    try:
        relative = PurePosixPath(image_path.relative_to(folder).as_posix())
    except ValueError:
        return image_path.name
    return "/".join(part for part in relative.parts if part not in ("..", "/"))


def _number(frame: Mapping[str, Any], key: str, where: str) -> float | None:
    """Return a number of a frame, None if it is absent. Raises CaptureError if it is not finite or not a number."""
    value = frame.get(key)
    if value is None:
        return None
    try:
        return finite_number(value)
    except ValueError:
        raise CaptureError(f"{where}: {key} is not a finite number; export the cameras again") from None


def _camera(frame: Mapping[str, Any], image_path: Path, where: str) -> AnyCamera:
    """Return the camera of a frame. Raises CaptureError, which names the frame by `where`, if it is impossible."""
    width, height = _number(frame, "w", where), _number(frame, "h", where)
    if width is None or height is None:
        if file_at(image_path) is None:
            raise CaptureError(f"{where}: there is neither an image nor a size; state w and h in pixels")
        width, height = image_size(image_path)
    if not (1 <= width < 2**20 and 1 <= height < 2**20):
        raise CaptureError(f"{where}: the size {width:g}x{height:g} is impossible; state w and h in pixels")
    lens = lens_of_frame(frame, int(width), int(height), lambda key: _number(frame, key, where), where)
    return straightened(_viewmat(frame.get("transform_matrix"), where), lens)


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
    if len(pose) == 4 and pose[3, 3] != 0:
        # A homogeneous matrix means the same when it is multiplied: some programs leave another number than 1 there.
        pose = pose / pose[3, 3]
    with np.errstate(over="ignore"):  # numbers whose squares are beyond float64 are no rotation
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
