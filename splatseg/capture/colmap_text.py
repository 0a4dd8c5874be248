"""COLMAP's text files: cameras.txt, images.txt and points3D.txt.

A row is one line, two in images.txt; lines that begin with # are comments.

Source: the file format page of COLMAP's documentation ("Output Format").
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from splatseg.capture.colmap_rows import CAMERA_MODELS, CameraRow, ImageRow, relative_name
from splatseg.capture.reconstruction import no_points
from splatseg.errors import CaptureError


def read_cameras(path: Path) -> dict[int, CameraRow]:
    """Read cameras.txt: rows by camera id. Raises CaptureError for a line that is not a camera."""
    sizes = dict(CAMERA_MODELS)
    rows = {}
    for number, line in _rows(path):
        if not line:
            continue
        try:
            camera_id, model, width, height, *params = line.split()
            row = CameraRow(model, int(width), int(height), tuple(map(float, params)))
            if len(row.params) != sizes.get(model, len(row.params)):
                raise ValueError("wrong number of parameters")
            rows[int(camera_id)] = row
        except ValueError as error:
            raise CaptureError(
                f"{path}, line {number}: not a camera (id, model, width, height, parameters); export the model again"
            ) from error
    return rows


def read_images(path: Path) -> list[ImageRow]:
    """Read images.txt. Raises CaptureError for a line that is not an image.

    An image has two lines: the pose, and the 2D points. The second may be blank, and some writers leave it out.
    """
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
            poses.append(ImageRow(relative_name(fields[9], path), int(fields[8]), numbers[:4], numbers[4:]))
        except (ValueError, IndexError) as error:
            raise CaptureError(
                f"{path}, line {number}: not an image (id, qvec, tvec, camera id, name); export the model again"
            ) from error
        awaits_points = True
    return poses


def read_points(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read points3D.txt: positions (P,3) float64 and colours (P,3) uint8.

    Raises CaptureError for a line that is not a point.
    """
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
            raise CaptureError(
                f"{path}, line {number}: not a point (id, x, y, z, r, g, b, error, track); export the model again"
            ) from error
    if not points:
        return no_points()
    return np.array(points, np.float64), np.array(colors, np.uint8)


def _rows(path: Path) -> Iterator[tuple[int, str]]:
    """Yield numbered lines without comments and line ends; blank lines are included."""
    with path.open(encoding="utf-8-sig", errors="replace") as file:  # editors on Windows put a mark before the text
        for number, line in enumerate(file, 1):
            if not line.startswith("#"):
                yield number, line.strip()


def _is_pose(fields: list[str]) -> bool:
    """Return True for a pose, False for a line of 2D points (x, y, id, x, y, id, ...): only a pose ends with a name."""
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
