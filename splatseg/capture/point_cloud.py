"""Coloured points from a PLY file, as nerfstudio and others write it next to transforms.json.

Alphabet: points (P,3) world units; point_colors (P,3) 0..255, mid-grey where the file has none. Only the vertex
element is read; ascii and both byte orders. PLY files of splats are read by `formats.ply`.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splatseg.errors import CaptureError

_TYPES = {
    "char": "i1",
    "uchar": "u1",
    "short": "i2",
    "ushort": "u2",
    "int": "i4",
    "uint": "u4",
    "float": "f4",
    "double": "f8",
    "int8": "i1",
    "uint8": "u1",
    "int16": "i2",
    "uint16": "u2",
    "int32": "i4",
    "uint32": "u4",
    "float32": "f4",
    "float64": "f8",
}
_MAX_HEADER = 1 << 16
"""Bytes in which a header must end."""


def read_point_cloud(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read points (P,3) float32 and colours (P,3) uint8. Raises CaptureError if the file is no such point cloud."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # numbers beyond float32 become infinite and are dropped
            return _read(path)
    except (OSError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise CaptureError(
            f"{path} is not a readable PLY point cloud ({error}); export it again, or remove it"
        ) from error


def _read(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Parse the header, then read the rows of the first element. Raises ValueError and others for a damaged file."""
    with path.open("rb") as file:
        head = file.read(_MAX_HEADER)
    end = head.find(b"end_header")
    body = head.find(b"\n", end) + 1
    if not head.startswith(b"ply") or end < 0 or body == 0:
        raise ValueError("no PLY header")
    lines = [line.split() for line in head[:end].decode("ascii", errors="replace").splitlines()]
    byte_format = next((fields[1] for fields in lines if fields[:1] == ["format"]), "")
    if byte_format not in ("ascii", "binary_little_endian", "binary_big_endian"):
        raise ValueError(f"unknown format '{byte_format}'")
    elements = [i for i, fields in enumerate(lines) if fields[:1] == ["element"]]
    if not elements or lines[elements[0]][1] != "vertex":
        raise ValueError("its first element is not 'vertex'")
    stop = elements[1] if len(elements) > 1 else len(lines)
    properties = [fields for fields in lines[elements[0] : stop] if fields[:1] == ["property"]]
    order = ">" if byte_format == "binary_big_endian" else "<"
    dtype = np.dtype([(fields[2], order + _TYPES[fields[1]]) for fields in properties])
    count = int(lines[elements[0]][2])
    if byte_format == "ascii":
        rows = _ascii_rows(path, body, count, dtype)
    else:
        if count < 0 or body + count * dtype.itemsize > path.stat().st_size:
            raise ValueError(f"{count} points declared, more than the file holds")
        rows = np.fromfile(path, dtype, count, offset=body)
    points = np.stack([rows[axis] for axis in "xyz"], axis=-1).astype(np.float32)
    return points, _colors(rows)


def _ascii_rows(path: Path, body: int, count: int, dtype: np.dtype) -> np.ndarray:
    """Read rows (count,) of text from byte `body` on. Raises ValueError if there are fewer."""
    with path.open("rb") as file:
        file.seek(body)
        lines = file.read().decode("ascii", errors="replace").splitlines()[:count]
    if count < 0 or len(lines) < count:
        raise ValueError(f"{count} points declared, more than the file holds")
    table = np.array([line.split() for line in lines], np.float64).reshape(count, -1)
    rows = np.empty(count, dtype)
    for column, name in enumerate(dtype.names or ()):
        rows[name] = table[:, column]
    return rows


def _colors(rows: np.ndarray) -> np.ndarray:
    """Return colours (P,3) uint8; floating-point colours are taken as 0..1."""
    names = rows.dtype.names or ()
    for channels in (("red", "green", "blue"), ("r", "g", "b")):
        if all(channel in names for channel in channels):
            colors = np.stack([rows[channel] for channel in channels], axis=-1)
            if colors.dtype.kind == "f":
                colors = np.nan_to_num(colors) * 255.0 + 0.5
            return colors.clip(0, 255).astype(np.uint8)
    return np.full((len(rows), 3), 128, np.uint8)
