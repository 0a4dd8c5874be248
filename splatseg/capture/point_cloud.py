"""Coloured points from a PLY file, as nerfstudio and others write it next to transforms.json.

Alphabet: points (P,3) world units; point_colors (P,3) 0..255, mid-grey where the file has none. Only the vertex
element is read; ascii and both byte orders. PLY files of splats are read by `formats.ply`.
"""

from __future__ import annotations

import io
from itertools import islice
from pathlib import Path

import numpy as np

from splatseg.errors import CaptureError
from splatseg.files import atomic_write
from splatseg.untrusted.memory import Guard

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

_ROW = np.dtype([*((name, "<f4") for name in ("x", "y", "z", "nx", "ny", "nz")), ("rgb", "u1", 3)])
"""A point as it is written."""

POINT = 60
"""Bytes that a point takes besides its row, while positions and colours are gathered."""


def read_point_cloud(path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Read points (P,3) float64 and colours (P,3) uint8. Raises CaptureError if the file is no such point cloud."""
    try:
        with np.errstate(over="ignore", invalid="ignore"):  # numbers beyond a property's type become infinite
            return _read(path, Guard.of(path, CaptureError))
    except (OSError, ValueError, KeyError, IndexError, OverflowError) as error:
        raise CaptureError(
            f"{path} is not a readable PLY point cloud ({error}); export it again, or remove it"
        ) from error


def write_point_cloud(path: Path, points: np.ndarray, colors: np.ndarray) -> None:
    """Write points (P,3), as float32, and colours (P,3) uint8, atomically; normals, which some programs need, are 0."""
    rows = np.zeros(len(points), _ROW)
    for i, axis in enumerate("xyz"):
        rows[axis] = points[:, i]
    rows["rgb"] = colors
    lines = ["ply", "format binary_little_endian 1.0", f"element vertex {len(points)}"]
    lines += [f"property float {name}" for name in ("x", "y", "z", "nx", "ny", "nz")]
    lines += [f"property uchar {name}" for name in ("red", "green", "blue")]
    with atomic_write(path) as file:
        file.write("\n".join([*lines, "end_header", ""]).encode("ascii"))
        file.write(rows.tobytes())


def _read(path: Path, guard: Guard) -> tuple[np.ndarray, np.ndarray]:
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
    if not 0 <= count <= guard.length:
        raise ValueError(f"{count} points declared, more than the file holds")
    guard.check(f"{count:,} points", count * (dtype.itemsize + POINT + 16 * len(properties)))
    if byte_format == "ascii":
        rows = _ascii_rows(path, body, count, dtype)
    else:
        if body + count * dtype.itemsize > path.stat().st_size:
            raise ValueError(f"{count} points declared, more than the file holds")
        rows = np.fromfile(path, dtype, count, offset=body)
    points = np.stack([rows[axis] for axis in "xyz"], axis=-1).astype(np.float64)
    return points, _colors(rows)


def _ascii_rows(path: Path, body: int, count: int, dtype: np.dtype) -> np.ndarray:
    """Read rows (count,) of text from byte `body` on. Raises ValueError if there are fewer."""
    rows = np.empty(count, dtype)
    properties = dtype.names or ()
    if count == 0:
        return rows
    with path.open("rb") as file:
        file.seek(body)
        lines = islice(io.TextIOWrapper(file, encoding="ascii", errors="replace"), count)
        table = np.loadtxt(lines, np.float64, ndmin=2, comments=None)
    if len(table) < count:
        raise ValueError(f"{count} points declared, more than the file holds")
    if table.shape[1] < len(properties):
        raise ValueError(f"{table.shape[1]} numbers in a row of {len(properties)} properties")
    for column, name in enumerate(properties):
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
