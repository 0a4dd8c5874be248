"""COLMAP's binary files: cameras.bin, images.bin and points3D.bin.

Every file is a u64 count and as many rows, little-endian. Of 2D points and tracks only the lengths are read, to step
over them. Files are mapped and not read as a whole: nearly all of images.bin is stepped over.

Source: the file format page of COLMAP's documentation ("Output Format").
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from splatseg.capture.colmap_rows import CAMERA_MODELS, CameraRow, ImageRow, relative_name
from splatseg.capture.reconstruction import no_points
from splatseg.errors import CaptureError

_IMAGE = struct.Struct("<I4d3dI")  # id, qvec, tvec, camera id; then the name up to a zero, u64 count, 24 bytes each
_POINT = np.dtype([("id", "<u8"), ("xyz", "<f8", 3), ("rgb", "u1", 3), ("error", "<f8"), ("track", "<u8")])


def read_cameras(path: Path) -> dict[int, CameraRow]:
    """Read cameras.bin: rows by camera id. Raises CaptureError if it is damaged."""
    rows = {}
    with _binary(path) as data:
        pos = 8
        for _ in range(_count(data, 40)):
            camera_id, model_id, width, height = struct.unpack_from("<IiQQ", data, pos)
            if not 0 <= model_id < len(CAMERA_MODELS):
                raise CaptureError(
                    f"{path}: camera {camera_id} has the unknown model number {model_id}; splatseg reads those of "
                    f"COLMAP 4, 0 to {len(CAMERA_MODELS) - 1}: undistort with the COLMAP that wrote it, `colmap "
                    "image_undistorter --image_path IMAGES --input_path MODEL --output_path NEW`"
                )
            model, size = CAMERA_MODELS[model_id]
            params = struct.unpack_from(f"<{size}d", data, pos + 24)
            rows[camera_id] = CameraRow(model, width, height, params)
            pos += 24 + 8 * size
    return rows


def read_images(path: Path) -> list[ImageRow]:
    """Read images.bin. Raises CaptureError if it is damaged."""
    poses = []
    with _binary(path) as data:
        pos = 8
        for _ in range(_count(data, _IMAGE.size + 9)):
            _, *numbers, camera_id = _IMAGE.unpack_from(data, pos)
            end = data.find(b"\0", pos + _IMAGE.size)
            if end < 0:
                raise ValueError("a name without an end")
            name = data[pos + _IMAGE.size : end].decode("utf-8", errors="replace")
            # The name's zero, the u64, and 24 bytes for each 2D point.
            (points2d,) = struct.unpack_from("<Q", data, end + 1)
            pos = end + 9 + 24 * points2d
            poses.append(ImageRow(relative_name(name, path), camera_id, tuple(numbers[:4]), tuple(numbers[4:])))
        if pos > len(data):
            raise ValueError("the last image's points are cut off")
    return poses


def read_points(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read points3D.bin: positions (P,3) float64 and colours (P,3) uint8. Raises CaptureError if it is damaged."""
    with _binary(path) as data:
        track_length = struct.Struct("<Q").unpack_from
        count, pos = _count(data, _POINT.itemsize), 8
        starts = np.empty(count, np.int64)
        for i in range(count):
            starts[i] = pos
            # The fixed part ends, at byte 43, with the length of the track, of 8 bytes an element.
            pos += _POINT.itemsize + 8 * track_length(data, pos + 43)[0]
        if pos > len(data):
            raise ValueError("the last track is cut off")
        if count == 0:
            return no_points()
        # Rows differ in length, since each ends with its track. Windows of the size of the fixed part, taken where rows
        # start, gather all of them at once.
        raw = np.frombuffer(data, np.uint8)
        rows = np.lib.stride_tricks.sliding_window_view(raw, _POINT.itemsize)[starts].view(_POINT)[:, 0]
        return rows["xyz"].copy(), rows["rgb"].copy()


@contextmanager
def _binary(path: Path) -> Iterator[mmap.mmap]:
    """Yield the bytes of a file, mapped. Any error while they are read becomes the CaptureError of a damaged file."""
    try:
        with path.open("rb") as file:
            yield mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    except (struct.error, ValueError, IndexError, OverflowError, OSError) as error:
        raise CaptureError(f"{path} is damaged or truncated; export the COLMAP model again") from error


def _count(data: mmap.mmap, smallest_row: int) -> int:
    """Return the u64 at the start. Raises ValueError if the file cannot hold as many rows."""
    count: int = struct.unpack_from("<Q", data, 0)[0]
    if count * smallest_row > len(data):
        raise ValueError("more rows declared than the file can hold")
    return count
