"""Sidecars: segment ids next to a splat in a format without ids, as things.spz.segments.npz next to things.spz.

Alphabet: `segment_ids` (N,) int32, 0 = none, in the order of the Gaussians in the file; `segments` the table of
segments as JSON text, as in segments.json, for those ids; `coordinates` (4,) centre and scale of the user's own
coordinates of the file's positions (`cameras.coordinates`; older files lack them); `checksum` the CRC-32 of the file
they belong to. If the file was changed since, its checksum and perhaps its order differ, and the sidecar is ignored
with a warning.
"""

from __future__ import annotations

import json
import warnings
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from splatseg.cameras.coordinates import OWN, Coordinates
from splatseg.errors import SplatFileError
from splatseg.files import atomic_write
from splatseg.untrusted.archives import read_npz
from splatseg.untrusted.documents import parse_json
from splatseg.untrusted.memory import Guard

if TYPE_CHECKING:
    from torch import Tensor

BLOCK = 1 << 22
"""Bytes read at once for the checksum."""


def sidecar_path(path: Path) -> Path:
    """Return the path of the sidecar of the file at `path`."""
    return path.with_name(f"{path.name}.segments.npz")


def write_sidecar(path: Path, segment_ids: Tensor, table: list[dict[str, Any]], coordinates: Coordinates = OWN) -> Path:
    """Write the ids (N,), in the order of the finished file at `path`, and the table of segments; return the path.

    coordinates: those of the world of the file's positions.
    """
    where = sidecar_path(path)
    with atomic_write(where) as file:
        np.savez_compressed(
            file,
            segment_ids=segment_ids.cpu().numpy().astype(np.int32),
            segments=np.array(json.dumps(table)),
            coordinates=np.array([*coordinates.centre, coordinates.scale]),
            checksum=np.array(_checksum(path), np.uint32),
        )
    return where


def read_sidecar(path: Path, count: int) -> tuple[np.ndarray, Coordinates] | None:
    """Read the ids (count,) int32 and coordinates in the sidecar of the splat at `path`; None if there is no sidecar.

    A sidecar that is damaged or of another file gives None and a warning.
    """
    where = sidecar_path(path)
    if not where.is_file():
        return None
    try:
        guard = Guard.of(where, SplatFileError)
        fits = int(read_npz(where, guard, ("checksum",))["checksum"]) == _checksum(path)
        found = read_npz(where, guard, ("segment_ids", "coordinates")) if fits else {}
    except SplatFileError as error:
        warnings.warn(f"{error}; the splat is taken without its segment ids", stacklevel=4)
        return None
    except (OSError, ValueError, KeyError, TypeError, OverflowError):
        warnings.warn(f"{where} cannot be read; the splat is taken without its segment ids", stacklevel=4)
        return None
    ids, coordinates = found.get("segment_ids"), _coordinates(found.get("coordinates"))
    if ids is None or ids.shape != (count,) or ids.dtype != np.int32 or (ids < 0).any() or coordinates is None:
        warnings.warn(f"{where} belongs to another {path.name}; the splat is taken without its ids", stacklevel=4)
        return None
    return ids, coordinates


def _coordinates(values: np.ndarray | None) -> Coordinates | None:
    """Return the coordinates of a sidecar, the user's own for an older one; None if they are impossible."""
    if values is None:
        return OWN
    if values.shape != (4,) or values.dtype != np.float64 or not np.isfinite(values).all() or values[3] <= 0.0:
        return None
    x, y, z, scale = values.tolist()
    return Coordinates((x, y, z), scale)


def read_sidecar_table(path: Path) -> list[dict[str, Any]]:
    """Read the table of segments in the sidecar of the splat at `path`; empty if that is missing or damaged."""
    try:
        where = sidecar_path(path)
        guard = Guard.of(where, SplatFileError)
        rows = parse_json(str(read_npz(where, guard, ("segments",))["segments"])).plain()
    except (OSError, ValueError, KeyError, SplatFileError):
        return []
    return rows if isinstance(rows, list) else []


def _checksum(path: Path) -> int:
    value = 0
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            value = zlib.crc32(block, value)
    return value
