"""Segment ids beside a splat in a format that has no room for them: things.spz and things.spz.segments.npz.

Alphabet: `segment_ids` (N,) int32, 0 = none, in the order in which the Gaussians stand in the file; `segments` the
table of segments as JSON text, as in segments.json, for those ids; `checksum` the CRC-32 of the file they belong to. A
file that was changed since has another checksum, perhaps another order, and its sidecar is left aside with a warning.
"""

from __future__ import annotations

import json
import warnings
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from splatseg.files import atomic_write

BLOCK = 1 << 22


def sidecar_path(path: Path) -> Path:
    """Where the segment ids of the file at `path` are."""
    return path.with_name(f"{path.name}.segments.npz")


def write_sidecar(path: Path, segment_ids: Tensor, table: list[dict[str, Any]]) -> Path:
    """Write the ids (N,), in the order of the finished file at `path`, and the table of segments; return where."""
    where = sidecar_path(path)
    with atomic_write(where) as file:
        np.savez_compressed(
            file,
            segment_ids=segment_ids.cpu().numpy().astype(np.int32),
            segments=np.array(json.dumps(table)),
            checksum=np.array(_checksum(path), np.uint32),
        )
    return where


def read_sidecar(path: Path, count: int) -> Tensor | None:
    """The ids (count,) int32 that the sidecar of the splat at `path` holds; None without one.

    None, with a warning, for a sidecar that is not of this file or is damaged.
    """
    where = sidecar_path(path)
    if not where.is_file():
        return None
    try:
        with np.load(where, allow_pickle=False) as arrays:
            ids, checksum = arrays["segment_ids"], int(arrays["checksum"])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        warnings.warn(f"{where} cannot be read; the splat is taken without its segment ids", stacklevel=3)
        return None
    if ids.shape != (count,) or ids.dtype != np.int32 or (ids < 0).any() or checksum != _checksum(path):
        warnings.warn(f"{where} belongs to another {path.name}; the splat is taken without its ids", stacklevel=3)
        return None
    return torch.from_numpy(ids)


def read_sidecar_table(path: Path) -> list[dict[str, Any]]:
    """The table of segments beside the splat at `path`; empty without a sidecar or for one that is damaged."""
    try:
        with np.load(sidecar_path(path), allow_pickle=False) as arrays:
            rows = json.loads(str(arrays["segments"]))
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
        return []
    return rows if isinstance(rows, list) else []


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            value = zlib.crc32(block, value)
    return value
