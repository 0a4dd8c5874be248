"""PLY files of splats with any properties in any order and type, for tests of what reads them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from splatseg.formats.ply.header import TYPE_NAMES

GEOMETRY = ("x", "y", "z", "opacity", "scale_0", "scale_1", "scale_2", "rot_0", "rot_1", "rot_2", "rot_3")
CONSTANT = ("f_dc_0", "f_dc_1", "f_dc_2")


def columns(count: int, seed: int = 0, degree: int = 0) -> dict[str, np.ndarray]:
    """Columns (count,) of float32 of a plain splat."""
    rng = np.random.default_rng(seed)
    rest = tuple(f"f_rest_{i}" for i in range(3 * ((degree + 1) ** 2 - 1)))
    return {name: rng.normal(size=count).astype(np.float32) for name in (*GEOMETRY, *CONSTANT, *rest)}


def write_columns(path: Path, named: Mapping[str, np.ndarray], comments: Sequence[str] = (), order: str = "<") -> Path:
    """Write columns of any types that PLY knows as a binary .ply, in the order given."""
    dtype = np.dtype([(name, values.dtype.newbyteorder(order)) for name, values in named.items()])
    count = len(next(iter(named.values())))
    body = np.empty(count, dtype)
    for name, values in named.items():
        body[name] = values
    endian = "little" if order == "<" else "big"
    lines = ["ply", f"format binary_{endian}_endian 1.0", *(f"comment {line}" for line in comments)]
    lines += [f"element vertex {count}"]
    lines += [f"property {TYPE_NAMES[values.dtype.str[1:]]} {name}" for name, values in named.items()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes("\n".join([*lines, "end_header", ""]).encode() + body.tobytes())
    return path
