"""Sidecars: segment ids next to a splat in a format without ids, as things.spz.segments.npz next to things.spz.

Alphabet: `segment_ids` (N,) int32, 0 = none, in the order of the Gaussians in the file; `segments` the table of
segments as JSON text, as in segments.json, for those ids; `checksum` the CRC-32 of the file they belong to. If the file
was changed since, its checksum and perhaps its order differ, and the sidecar is ignored with a warning.
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
"""Bytes read at once for the checksum."""


def sidecar_path(path: Path) -> Path:
    """Return the path of the sidecar of the file at `path`."""
    return path.with_name(f"{path.name}.segments.npz")


def write_sidecar(path: Path, segment_ids: Tensor, table: list[dict[str, Any]]) -> Path:
    """Write the ids (N,), in the order of the finished file at `path`, and the table of segments; return the path."""
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
    """Read the ids (count,) int32 in the sidecar of the splat at `path`; None if there is no sidecar.

    A sidecar that is damaged or of another file gives None and a warning.
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
    """Read the table of segments in the sidecar of the splat at `path`; empty if that is missing or damaged."""
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
