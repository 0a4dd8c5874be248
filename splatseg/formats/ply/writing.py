"""Writing of .ply in one piece or block by block, to the same bytes, with the memory of one block.

The layout is that of `formats.ply.ply`. The header stands before the rows, so that their number is known before the
first one; so is whether positions are doubles, which all Gaussians together decide (`needs_doubles` for a splat in
memory, `formats.parts.writing` for blocks). Alphabet: N Gaussians; n of a block.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splatseg.cameras.coordinates import OWN
from splatseg.files import atomic_write
from splatseg.formats.ply.columns import CONSTANT, POSITION, ROTATION, ROWS_AT_ONCE, SCALE
from splatseg.formats.ply.forms import are_coarse
from splatseg.formats.ply.header import TYPE_NAMES
from splatseg.formats.ply.meaning import MIP_COMMENT, world_comment
from splatseg.formats.ply.table import NORMAL

if TYPE_CHECKING:
    from torch import Tensor

    from splatseg.splats.splats import Splats


@dataclass(frozen=True)
class Layout:
    """Choices that all blocks of a file have in common."""

    comments: Sequence[str] = ()
    """Lines of the header."""
    own: bool = True
    """True: positions in the user's own coordinates; False: in the world of the splat, which a comment describes."""
    doubles: bool = False
    """True if own positions need more digits than float32 has; of no account for a splat in its own world."""


def write_ply_blocks(path: Path, blocks: Iterable[Splats], count: int, layout: Layout) -> None:
    """Write `count` Gaussians that come in blocks of the same fields, one block at least, atomically."""
    written, header = 0, b""
    with atomic_write(Path(path)) as file:
        for splats in blocks:
            columns = _named_columns(splats, layout)
            own = _header(splats, count, layout, columns)
            assert header in (b"", own), "blocks of one splat have the same fields"
            if not header:
                file.write(own)
            header = own
            for rows in _rows(columns, len(splats)):
                file.write(rows.tobytes())
            written += len(splats)
        assert header and written == count, f"{written} Gaussians came, and {count} were to"


def row_array(splats: Splats, layout: Layout) -> np.ndarray:
    """Return the rows of Gaussians as the file has them, (n,), structured."""
    columns = _named_columns(splats, layout)
    return np.concatenate([np.empty(0, _dtype(columns)), *_rows(columns, len(splats))])


def header_of(splats: Splats, count: int, layout: Layout) -> bytes:
    """Return the header of a file of `count` Gaussians with the fields of these."""
    return _header(splats, count, layout, _named_columns(splats, layout))


def needs_doubles(splats: Splats) -> bool:
    """Tell whether own positions of a splat need more digits than float32 has."""
    return not splats.coordinates.is_own and are_coarse(*own_geometry(splats))


def own_geometry(splats: Splats) -> tuple[np.ndarray, np.ndarray]:
    """Return positions (N,3) float64 and log scales (N,3) float32 in own coordinates."""
    return splats.own_positions, _array(splats.log_scales + math.log(splats.coordinates.scale))


def _header(splats: Splats, count: int, layout: Layout, columns: Sequence[tuple[str, np.ndarray]]) -> bytes:
    coordinates = OWN if layout.own else splats.coordinates
    lines = ["ply", "format binary_little_endian 1.0"]
    lines += [f"comment {line}" for comment in layout.comments for line in comment.splitlines()]
    lines += [f"comment {MIP_COMMENT}"] if splats.antialiased else []
    lines += [] if coordinates.is_own else [f"comment {world_comment(coordinates)}"]
    lines += [f"element vertex {count}"]
    lines += [f"property {TYPE_NAMES[values.dtype.str[1:]]} {name}" for name, values in columns]
    return "\n".join([*lines, "end_header", ""]).encode("utf-8")


def _dtype(columns: Sequence[tuple[str, np.ndarray]]) -> np.dtype:
    return np.dtype([(name, values.dtype.newbyteorder("<")) for name, values in columns])


def _rows(columns: Sequence[tuple[str, np.ndarray]], count: int) -> Iterator[np.ndarray]:
    """Yield rows, so few at once that they stay in the cache."""
    dtype = _dtype(columns)
    for start in range(0, count, ROWS_AT_ONCE):
        rows = slice(start, min(start + ROWS_AT_ONCE, count))
        block = np.empty(rows.stop - rows.start, dtype)
        for name, values in columns:
            block[name] = values[rows]
        yield block


def _array(values: Tensor) -> np.ndarray:
    array: np.ndarray = values.detach().cpu().numpy()
    return array


def _named_columns(splats: Splats, layout: Layout) -> list[tuple[str, np.ndarray]]:
    """Return all properties in the order of the file, as (name, values (N,))."""
    rest = splats.shN.transpose(1, 2).flatten(1)  # channel-major
    if layout.own and not splats.coordinates.is_own:
        means, log_scales = own_geometry(splats)
        means = means if layout.doubles else means.astype(np.float32)
    else:
        means, log_scales = splats.positions, _array(splats.log_scales)
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
