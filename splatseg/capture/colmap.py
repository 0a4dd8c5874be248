"""COLMAP sparse models: cameras, images and points3D, binary (`colmap_binary`) or text (`colmap_text`).

Alphabet: qvec (4,) wxyz and tvec (3,) rotate and move world into camera, OpenCV axes; params are the intrinsics in
pixels, the centre of the first pixel at (0.5, 0.5), all as in splatseg.

Files of rigs and frames, which COLMAP writes since 3.12, are not needed: images carry their own poses, those of all
sensors of a rig.

Source: the file format page of COLMAP's documentation ("Output Format").
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splatseg.cameras.camera import FARTHEST
from splatseg.cameras.lens import Lens
from splatseg.cameras.lens_camera import AnyCamera, straightened
from splatseg.cameras.lens_models import MODELS, lens_of_model
from splatseg.capture import colmap_binary, colmap_text
from splatseg.capture.colmap_rows import CameraRow, ImageRow
from splatseg.capture.point_cloud import read_point_cloud
from splatseg.capture.reconstruction import Reconstruction, no_points
from splatseg.errors import CaptureError
from splatseg.untrusted.paths import shortened

MODEL_FOLDERS = ("sparse/0", "sparse", "colmap/sparse/0", ".")
"""Folders of a capture that may hold its model, in order of preference."""

UNDISTORT = "undistort with `colmap image_undistorter --image_path IMAGES --input_path MODEL --output_path NEW`"
"""Way out for cameras of unknown models."""

MAX_SIDE = 1 << 20
"""Largest width and height of a camera in pixels: a larger one is a damaged file."""


def find_model(capture: Path, folders: tuple[str, ...] = MODEL_FOLDERS) -> Path | None:
    """Return the first of `folders` in the capture that holds an images or cameras file of COLMAP, or None.

    Of other numbered models in sparse/ it is the one that registers most images.
    """
    for folder in folders:
        if _is_model(capture / folder):
            return capture / folder
        if folder == "sparse" and (others := models_in(capture / folder)):
            return max(others, key=count_images)
    return None


def models_in(folder: Path) -> list[Path]:
    """Return the models in the folders of a folder, such as sparse/0 and sparse/1, sorted by name."""
    return sorted(path for path in folder.iterdir() if path.is_dir() and _is_model(path)) if folder.is_dir() else []


def _is_model(folder: Path) -> bool:
    return any(_existing(folder, stem) for stem in ("images", "cameras"))


def images_beside(model: Path) -> Path:
    """Return the capture of a model that is given itself, CAPTURE/sparse/0 or CAPTURE/sparse; else its own folder."""
    inside = model.resolve()
    above = {inside.name: inside.parent, inside.parent.name: inside.parent.parent}.get("sparse")
    return model if above is None or not _is_model(model) or (model / "images").is_dir() else above


def count_images(folder: Path) -> int:
    """Return how many images the model in a folder registers; 0 if there is no model, or one that cannot be read."""
    path = _existing(folder, "images")
    try:
        return 0 if path is None else len((colmap_binary if _is_binary(path) else colmap_text).read_images(path))
    except CaptureError:
        return 0


def read_model(folder: Path) -> Reconstruction:
    """Read the model in `folder`. A missing points3D file gives zero points.

    Raises CaptureError if a file is missing, damaged or truncated, or if an image's camera is of an unknown model.
    """
    paths = {}
    for stem in ("cameras", "images"):
        path = _existing(folder, stem)
        if path is None:
            raise CaptureError(
                f"{folder} has no {stem}.bin or {stem}.txt, so it is not a complete COLMAP model; export it again"
            )
        paths[stem] = path
    # Each file by itself: one may be binary and the other text.
    read_cameras = colmap_binary.read_cameras if _is_binary(paths["cameras"]) else colmap_text.read_cameras
    read_images = colmap_binary.read_images if _is_binary(paths["images"]) else colmap_text.read_images
    rows, poses = read_cameras(paths["cameras"]), read_images(paths["images"])
    if not poses:
        raise CaptureError(f"{paths['images']} registers no images; run COLMAP's mapper (or export its model) again")
    cameras: dict[str, AnyCamera] = {}
    lenses: dict[int, Lens] = {}
    for pose in poses:
        if pose.name in cameras:
            raise CaptureError(f"{paths['images']} names the image '{pose.name}' twice; export the COLMAP model again")
        if pose.camera_id not in rows:
            raise CaptureError(
                f"{paths['images']}: '{pose.name}' uses camera {pose.camera_id}, which does not exist; export the "
                "COLMAP model again"
            )
        if pose.camera_id not in lenses:
            lenses[pose.camera_id] = _lens(rows[pose.camera_id], pose.camera_id, paths["cameras"])
        cameras[pose.name] = straightened(_viewmat(pose, paths["images"]), lenses[pose.camera_id])
    return Reconstruction(folder, cameras, *_read_points(folder))


def _existing(folder: Path, stem: str) -> Path | None:
    return next((path for suffix in (".bin", ".txt") if (path := folder / (stem + suffix)).is_file()), None)


def _is_binary(path: Path) -> bool:
    return path.suffix == ".bin"


def _lens(row: CameraRow, camera_id: int, path: Path) -> Lens:
    """Return the lens of a camera. Raises CaptureError for an unknown model and for impossible numbers."""
    if row.model not in MODELS:
        raise CaptureError(
            f"{path}: camera {camera_id} has the model {shortened(row.model)}; splatseg reads those of COLMAP 4 "
            f"({', '.join(MODELS)}): {UNDISTORT}"
        )
    if not (1 <= row.width <= MAX_SIDE and 1 <= row.height <= MAX_SIDE):
        raise CaptureError(
            f"{path}: camera {camera_id} has the impossible size {row.width}x{row.height}; export the COLMAP model "
            "again"
        )
    lens = lens_of_model(row.model, row.params, row.width, row.height) if np.isfinite(row.params).all() else None
    if lens is None or min(lens.focal) <= 0:
        raise CaptureError(
            f"{path}: camera {camera_id} has impossible intrinsics {row.params}; export the COLMAP model again"
        )
    return lens


def _viewmat(pose: ImageRow, path: Path) -> np.ndarray:
    """Return world to camera, (4,4), from a quaternion of any length but zero."""
    norm = np.linalg.norm(pose.qvec)
    # NaN is not below it either, and the squares of what is below fit 32 bits.
    if not ((np.abs([*pose.qvec, *pose.tvec]) < FARTHEST).all() and norm > 0):
        raise CaptureError(
            f"{path}: the pose of '{pose.name}' is not finite or its rotation is zero; export the COLMAP model again"
        )
    # Not scipy's Rotation: it rounds the last bits of most entries differently, which would change every file made from
    # a capture.
    w, x, y, z = np.asarray(pose.qvec) / norm
    viewmat = np.eye(4)
    viewmat[:3, :3] = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    viewmat[:3, 3] = pose.tvec
    return viewmat


def _read_points(folder: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read points (P,3) and colours (P,3) uint8; last from points3D.ply, which some tools write instead."""
    path = _existing(folder, "points3D")
    if path is None:
        ply = folder / "points3D.ply"
        return read_point_cloud(ply) if ply.is_file() else no_points()
    return colmap_binary.read_points(path) if _is_binary(path) else colmap_text.read_points(path)
