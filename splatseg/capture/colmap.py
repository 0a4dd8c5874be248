"""COLMAP sparse models: cameras, images and points3D, binary (`colmap_binary`) or text (`colmap_text`).

Alphabet: qvec (4,) wxyz and tvec (3,) rotate and move world into camera, OpenCV axes; params are the intrinsics in
pixels, the centre of the first pixel at (0.5, 0.5), all as in splatseg. Files of rigs and frames are not needed: images
carry the poses.

Source: the file format page of COLMAP's documentation ("Output Format").
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.capture import colmap_binary, colmap_text
from splatseg.capture.colmap_rows import CameraRow, ImageRow
from splatseg.capture.point_cloud import read_point_cloud
from splatseg.capture.reconstruction import Reconstruction, no_points
from splatseg.errors import CaptureError

MODEL_FOLDERS = ("sparse/0", "sparse", "colmap/sparse/0", ".")
"""Folders of a capture that may hold its model, in order of preference."""

MAX_SIDE = 1 << 20
"""Largest width and height of a camera in pixels: a larger one is a damaged file."""


def find_model(capture: Path, folders: tuple[str, ...] = MODEL_FOLDERS) -> Path | None:
    """Return the first of `folders` in the capture that holds an images or cameras file of COLMAP, or None."""
    for folder in folders:
        if any(_existing(capture / folder, stem) for stem in ("images", "cameras")):
            return capture / folder
    return None


def read_model(folder: Path) -> Reconstruction:
    """Read the model in `folder`. A missing points3D file gives zero points.

    Raises CaptureError if a file is missing, damaged or truncated, or if an image's camera is not a pinhole.
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
    cameras: dict[str, Camera] = {}
    for pose in poses:
        if pose.name in cameras:
            raise CaptureError(f"{paths['images']} names the image '{pose.name}' twice; export the COLMAP model again")
        if pose.camera_id not in rows:
            raise CaptureError(
                f"{paths['images']}: '{pose.name}' uses camera {pose.camera_id}, which does not exist; export the "
                "COLMAP model again"
            )
        row = rows[pose.camera_id]
        cameras[pose.name] = Camera(
            _viewmat(pose, paths["images"]), _K(row, pose.camera_id, paths["cameras"]), row.width, row.height
        )
    return Reconstruction(folder, cameras, *_read_points(folder))


def _existing(folder: Path, stem: str) -> Path | None:
    return next((path for suffix in (".bin", ".txt") if (path := folder / (stem + suffix)).is_file()), None)


def _is_binary(path: Path) -> bool:
    return path.suffix == ".bin"


def _K(row: CameraRow, camera_id: int, path: Path) -> np.ndarray:
    """Return the 3x3 matrix of a pinhole. Raises CaptureError for all other models and for impossible numbers."""
    if row.model not in ("SIMPLE_PINHOLE", "PINHOLE"):
        way_out = (
            "cut the panoramas into perspective images first"
            if row.model == "EQUIRECTANGULAR"
            else "undistort the capture with `colmap image_undistorter --image_path IMAGES --input_path SPARSE "
            "--output_path OUT` and use OUT"
        )
        raise CaptureError(
            f"{path}: camera {camera_id} has the model {row.model}; splatseg reads PINHOLE and SIMPLE_PINHOLE only: "
            f"{way_out}"
        )
    fx, fy, cx, cy = row.params if row.model == "PINHOLE" else (row.params[0], *row.params)
    if not (1 <= row.width <= MAX_SIDE and 1 <= row.height <= MAX_SIDE):
        raise CaptureError(
            f"{path}: camera {camera_id} has the impossible size {row.width}x{row.height}; export the COLMAP model "
            "again"
        )
    if not (np.isfinite(row.params).all() and fx > 0 and fy > 0):
        raise CaptureError(
            f"{path}: camera {camera_id} has impossible intrinsics {row.params}; export the COLMAP model again"
        )
    return np.array([[fx, 0.0, cx], [0.0, fy, cy], [0.0, 0.0, 1.0]])


def _viewmat(pose: ImageRow, path: Path) -> np.ndarray:
    """Return world to camera, (4,4), from a quaternion of any length but zero."""
    norm = np.linalg.norm(pose.qvec)
    if not (np.isfinite([*pose.qvec, *pose.tvec]).all() and norm > 0):
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
    """Read points (P,3) float32 and colours (P,3) uint8; last from points3D.ply, which some tools write instead."""
    path = _existing(folder, "points3D")
    if path is None:
        ply = folder / "points3D.ply"
        return read_point_cloud(ply) if ply.is_file() else no_points()
    with np.errstate(over="ignore"):  # coordinates beyond float32 become infinite, and are dropped
        return colmap_binary.read_points(path) if _is_binary(path) else colmap_text.read_points(path)
