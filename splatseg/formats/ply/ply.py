"""Splats as PLY files, in the layout of 3D Gaussian Splatting that every viewer reads.

We read by name, never by position: any order, any numeric type, ascii and both byte orders, normals or none, other
elements, comments (`columns`: names and forms; `meaning`: what changes the meaning of the rest). We write binary
little-endian in INRIA's order, then features, then segment ids, then unknown properties:

    x y z  nx ny nz  f_dc_0..2  f_rest_*  opacity  scale_0..2  rot_0..3  f_seg_0..F-1  segment_id  extras

Positions are in the user's own coordinates: doubles, where float32 would lose digits that count. A run's own file keeps
those of the world that it computes in, and says so in a comment (`Splats.coordinates`). Doubles that are read are moved
into such a world, too.

Alphabet: N Gaussians; K harmonics beyond the constant; F features. opacity is the logit, scale the logarithm, rot wxyz.
f_rest is channel-major: all K of red, then of green, then of blue. Features are read under the names of several
programs (`table.FEATURE_PREFIXES`) and written as f_seg_*. Unknown properties are kept in `Splats.extras` in their own
type and written again. A compressed PLY has another body and is read by `compressed_ply`.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splatseg.cameras.coordinates import OWN, Coordinates
from splatseg.files import atomic_write
from splatseg.formats.compressed_ply import read_compressed_ply
from splatseg.formats.ply.columns import CONSTANT, POSITION, ROTATION, ROWS_AT_ONCE, SCALE, columns_of
from splatseg.formats.ply.forms import are_coarse, forms_of
from splatseg.formats.ply.header import TYPE_NAMES, read_header
from splatseg.formats.ply.meaning import (
    MIP_COMMENT,
    is_antialiased,
    look_plain,
    warn_of_antialiasing,
    warn_of_plain_opacities,
    world_comment,
)
from splatseg.formats.ply.table import NORMAL, open_table
from splatseg.splats.stored import StoredSplats

if TYPE_CHECKING:
    from torch import Tensor

    from splatseg.splats.splats import Splats


def read_ply(path: Path) -> StoredSplats:
    """Read a splat. Values are kept even if they are not finite (see `formats.read.load_splats`).

    Warns of all that is not read as it stands: harmonics beyond degree 3; discs of 2D Gaussian Splatting; a file of
    SAGA's features, which has no colours, is grey; and see `formats.ply.meaning`.

    Raises SplatFileError for anything but a complete splat.
    """
    path = Path(path)
    header = read_header(path)
    table = open_table(path, header)
    if table is None:
        antialiased = is_antialiased(header.comments)
        if antialiased:
            warn_of_antialiasing(path)
        return dataclasses.replace(read_compressed_ply(path, header), antialiased=antialiased)
    table.body.check_memory()
    table.warn()
    body = table.body.rows(0, table.body.count)
    stored = table.stored(body, forms_of([table]))
    if not table.linear_opacities:
        plain = stored.opacities if table.smoothed is None else columns_of(body, ("opacity",))
        if look_plain(plain):
            warn_of_plain_opacities(path, len(stored))
    return stored


def write_ply(path: Path, splats: Splats, comments: Iterable[str] = (), own: bool = True) -> None:
    """Write a splat, atomically. comments: lines of the header.

    own: in the user's own coordinates; if not, in the world of the splat, which a comment describes.
    """
    write_ply_pieces(path, [splats], len(splats), comments, own)


def write_ply_pieces(
    path: Path, pieces: Iterable[Splats], count: int, comments: Iterable[str] = (), own: bool = False
) -> None:
    """Write `count` Gaussians given in pieces that agree in their fields, as `write_ply` does; one is in memory.

    Raises ValueError if the pieces have another number of Gaussians, or other columns than the first.
    """
    written, head = 0, b""
    with atomic_write(Path(path)) as file:
        for splats in pieces:
            columns = _named_columns(splats, own)
            found = _head(splats, columns, count, comments, OWN if own else splats.coordinates)
            if not head:
                file.write(found)
            elif found != head:
                raise ValueError("pieces of one splat have the same columns")
            head = found
            dtype = np.dtype([(name, values.dtype.newbyteorder("<")) for name, values in columns])
            for start in range(0, len(splats), ROWS_AT_ONCE):
                rows = slice(start, min(start + ROWS_AT_ONCE, len(splats)))
                block = np.empty(rows.stop - rows.start, dtype)
                for name, values in columns:
                    block[name] = values[rows]
                file.write(block.tobytes())
            written += len(splats)
        if written != count:
            raise ValueError(f"the pieces have {written} Gaussians, not {count}")


def _head(
    splats: Splats,
    columns: Sequence[tuple[str, np.ndarray]],
    count: int,
    comments: Iterable[str],
    coordinates: Coordinates,
) -> bytes:
    lines = ["ply", "format binary_little_endian 1.0"]
    lines += [f"comment {line}" for comment in comments for line in comment.splitlines()]
    lines += [f"comment {MIP_COMMENT}"] if splats.antialiased else []
    lines += [] if coordinates.is_own else [f"comment {world_comment(coordinates)}"]
    lines += [f"element vertex {count}"]
    lines += [f"property {TYPE_NAMES[values.dtype.str[1:]]} {name}" for name, values in columns]
    return "\n".join([*lines, "end_header", ""]).encode("utf-8")


def _own_geometry(splats: Splats) -> tuple[np.ndarray, np.ndarray]:
    """Return positions (N,3), doubles where float32 is too coarse, and log scales (N,3) in own coordinates."""
    if splats.coordinates.is_own:
        return splats.positions, _array(splats.log_scales)
    means, log_scales = splats.own_positions, _array(splats.log_scales + math.log(splats.coordinates.scale))
    return (means if are_coarse(means, log_scales) else means.astype(np.float32)), log_scales


def _array(values: Tensor) -> np.ndarray:
    array: np.ndarray = values.detach().cpu().numpy()
    return array


def _named_columns(splats: Splats, own: bool) -> list[tuple[str, np.ndarray]]:
    """Return all properties in the order of the file, as (name, values (N,))."""
    rest = splats.shN.transpose(1, 2).flatten(1)  # channel-major
    means, log_scales = _own_geometry(splats) if own else (splats.positions, _array(splats.log_scales))
    groups: list[tuple[tuple[str, ...], np.ndarray]] = [
        (NORMAL, np.broadcast_to(np.float32(0.0), (len(splats), 3))),
        (CONSTANT, _array(splats.sh0)),
        (tuple(f"f_rest_{i}" for i in range(rest.shape[1])), _array(rest)),
        (("opacity",), _array(splats.opacity_logits)[:, None]),
        (SCALE, log_scales),
        (ROTATION, _array(splats.quats)),
    ]
    if splats.features is not None:
        groups.append((tuple(f"f_seg_{i}" for i in range(splats.features.shape[1])), _array(splats.features)))
    positions = means if means.dtype == np.float64 else means.astype(np.float32, copy=False)
    columns = [(name, positions[:, i]) for i, name in enumerate(POSITION)]
    for names, values in groups:
        array = values.astype(np.float32, copy=False)
        columns += [(name, array[:, i]) for i, name in enumerate(names)]
    if splats.segment_ids is not None:
        columns.append(("segment_id", _array(splats.segment_ids).astype(np.int32, copy=False)))
    written = {name for name, _ in columns}
    for name, array in splats.extras.items():
        assert name not in written and name.split() == [name], f"{name!r} cannot be the name of an extra property"
        assert array.shape == (len(splats),), f"extra {name!r} has shape {array.shape}, not ({len(splats)},)"
        assert array.dtype.str[1:] in TYPE_NAMES, f"extra {name!r} has type {array.dtype}, which PLY does not know"
        columns.append((name, array))
    return columns
