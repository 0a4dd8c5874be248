"""Reads splats.ply and segments.json of a run with NumPy alone, for programs in which splatseg is not installed."""

import json
from pathlib import Path

import numpy as np

TYPES = {"float": "<f4", "double": "<f8", "int": "<i4", "uint": "<u4", "uchar": "u1", "short": "<i2", "ushort": "<u2"}


def read_ply(path):
    """Return the properties of a binary .ply, such as splatseg writes, by name: (N,) each, not copied."""
    with Path(path).open("rb") as file:
        header = []
        while not header or header[-1] != "end_header":
            line = file.readline()
            if not line:
                raise ValueError(f"{path} is no .ply")
            header.append(line.decode("ascii").strip())
        start = file.tell()
    if "format binary_little_endian 1.0" not in header:
        raise ValueError(f"{path} is not binary and little-endian; write it with: splatseg export")
    count = next(int(line.split()[2]) for line in header if line.startswith("element vertex"))
    fields = [(line.split()[2], TYPES[line.split()[1]]) for line in header if line.startswith("property")]
    rows = np.memmap(path, np.dtype(fields), "r", start, (count,))
    return {name: rows[name] for name, _ in fields}


def read_segments(path):
    """Return the rows of segments.json by id: dictionaries with id, name, color "#rrggbb", count, parent, ..."""
    return {row["id"]: row for row in json.loads(Path(path).read_text(encoding="utf-8"))}


def columns(properties, *names):
    """Return some properties side by side, (N, number of names) float32."""
    return np.stack([properties[name] for name in names], 1).astype(np.float32)


def colors(properties):
    """Return the colours (N,3) in 0..1, seen from everywhere alike: the constant harmonic."""
    return np.clip(0.5 + 0.28209479177387814 * columns(properties, "f_dc_0", "f_dc_1", "f_dc_2"), 0, 1)
