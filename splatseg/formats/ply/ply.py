"""Splats as PLY files, in the layout of 3D Gaussian Splatting that every viewer reads.

We read by name, never by position: any order, any numeric type, ascii and both byte orders, normals or none, other
elements, comments. We write binary little-endian in INRIA's order, then features, then segment ids, then unknown
properties:

    x y z  nx ny nz  f_dc_0..2  f_rest_*  opacity  scale_0..2  rot_0..3  f_seg_0..F-1  segment_id  extras

Alphabet: N Gaussians; K harmonics beyond the constant; F features. opacity is the logit, scale the logarithm, rot wxyz.
f_rest is channel-major: all K of red, then of green, then of blue. Features are read under the names of several
programs (`FEATURE_PREFIXES`) and written as f_seg_*. Unknown properties are kept in `Splats.extras` in their own type
and written again. A compressed PLY has another body and is read by `compressed_ply`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from splatseg.errors import SplatFileError
from splatseg.files import atomic_write
from splatseg.formats.compressed_ply import read_compressed_ply
from splatseg.formats.ply.body import read_element
from splatseg.formats.ply.header import TYPE_NAMES, read_header
from splatseg.splats.splats import Splats

POSITION = ("x", "y", "z")
NORMAL = ("nx", "ny", "nz")
CONSTANT = ("f_dc_0", "f_dc_1", "f_dc_2")
SCALE = ("scale_0", "scale_1", "scale_2")
ROTATION = ("rot_0", "rot_1", "rot_2", "rot_3")
GEOMETRY = (*POSITION, "opacity", *SCALE, *ROTATION)
"""Properties that a file of features without colours must have."""

REQUIRED = (*POSITION, *CONSTANT, "opacity", *SCALE, *ROTATION)
"""Properties that a splat must have."""

FEATURE_PREFIXES = ("f_seg_", "obj_dc_", "semantic_", "f_")
"""Prefixes of features, in order: CGC; Gaussian Grouping and OmniSeg3D; Feature 3DGS; SAGA. `f_0` is SAGA's, `f_dc_0`
and `f_rest_0` are colour."""

ROWS_AT_ONCE = 8192
"""Rows of a block, which stays in the cache while its columns are copied."""


def read_ply(path: Path) -> Splats:
    """Read a splat. Values are kept even if they are not finite (`formats.read.load_splats` drops such Gaussians).

    Harmonics of degree 4 are cut to degree 3, and a file of SAGA's features, which has no colours, is grey; both with a
    warning. Raises SplatFileError for anything but a complete splat.
    """
    path = Path(path)
    header = read_header(path)
    body = read_element(path, header, "vertex")
    names = body.dtype.names or ()
    if "packed_position" in names:
        return read_compressed_ply(path, header)
    rest = _family(path, names, "f_rest_")
    features = next((family for p in FEATURE_PREFIXES if (family := _family(path, names, p))), ())
    colored = any(name in names for name in CONSTANT) or not features
    _check_required(path, names, REQUIRED if colored else GEOMETRY)
    if not colored:
        warnings.warn(f"{path} has features and no colours (no {CONSTANT[0]}); its Gaussians are grey", stacklevel=2)
    known = {*REQUIRED, *NORMAL, *rest, *features, "segment_id"}
    return Splats(
        means=_columns(body, POSITION),
        quats=_columns(body, ROTATION),
        log_scales=_columns(body, SCALE),
        opacity_logits=_columns(body, ("opacity",))[:, 0],
        sh0=_columns(body, CONSTANT) if colored else torch.zeros(len(body), 3),
        shN=_harmonics(path, body, rest),
        features=_columns(body, features) if features else None,
        segment_ids=_segment_ids(path, body) if "segment_id" in names else None,
        extras={name: _native(body[name]) for name in names if name not in known},
    )


def write_ply(path: Path, splats: Splats, comments: Iterable[str] = ()) -> None:
    """Write a splat, atomically. comments: lines of the header."""
    columns = _named_columns(splats)
    dtype = np.dtype([(name, values.dtype.newbyteorder("<")) for name, values in columns])
    lines = ["ply", "format binary_little_endian 1.0"]
    lines += [f"comment {line}" for comment in comments for line in comment.splitlines()]
    lines += [f"element vertex {len(splats)}"]
    lines += [f"property {TYPE_NAMES[values.dtype.str[1:]]} {name}" for name, values in columns]
    with atomic_write(Path(path)) as file:
        file.write("\n".join([*lines, "end_header", ""]).encode("utf-8"))
        for start in range(0, len(splats), ROWS_AT_ONCE):
            rows = slice(start, min(start + ROWS_AT_ONCE, len(splats)))
            block = np.empty(rows.stop - rows.start, dtype)
            for name, values in columns:
                block[name] = values[rows]
            file.write(block.tobytes())


def _named_columns(splats: Splats) -> list[tuple[str, np.ndarray]]:
    """Return all properties in the order of the file, as (name, values (N,))."""
    zeros = torch.zeros(len(splats))
    rest = splats.shN.transpose(1, 2).flatten(1)  # channel-major
    tensors: list[tuple[tuple[str, ...], Tensor]] = [
        (POSITION, splats.means),
        (NORMAL, zeros[:, None].expand(-1, 3)),
        (CONSTANT, splats.sh0),
        (tuple(f"f_rest_{i}" for i in range(rest.shape[1])), rest),
        (("opacity",), splats.opacity_logits[:, None]),
        (SCALE, splats.log_scales),
        (ROTATION, splats.quats),
    ]
    if splats.features is not None:
        tensors.append((tuple(f"f_seg_{i}" for i in range(splats.features.shape[1])), splats.features))
    columns = []
    for names, values in tensors:
        array = values.detach().cpu().numpy().astype(np.float32, copy=False)
        columns += [(name, array[:, i]) for i, name in enumerate(names)]
    if splats.segment_ids is not None:
        columns.append(("segment_id", splats.segment_ids.cpu().numpy().astype(np.int32, copy=False)))
    written = {name for name, _ in columns}
    for name, array in splats.extras.items():
        assert name not in written and name.split() == [name], f"{name!r} cannot be the name of an extra property"
        assert array.shape == (len(splats),), f"extra {name!r} has shape {array.shape}, not ({len(splats)},)"
        assert array.dtype.str[1:] in TYPE_NAMES, f"extra {name!r} has type {array.dtype}, which PLY does not know"
        columns.append((name, array))
    return columns


def _check_required(path: Path, names: tuple[str, ...], required: tuple[str, ...]) -> None:
    """Raise SplatFileError if a required property is missing."""
    missing = [name for name in required if name not in names]
    if not missing:
        return
    what = (
        "is a splat in parts" if any(name in names for name in (*SCALE, *ROTATION)) else "is a point cloud, not a splat"
    )
    listed = ", ".join(missing[:4]) + (", …" if len(missing) > 4 else "")
    raise SplatFileError(f"{path} {what}: no {listed}; give a .ply written by a Gaussian splatting program")


def _family(path: Path, names: tuple[str, ...], prefix: str) -> tuple[str, ...]:
    """Return the properties prefix0, prefix1, ... by number. Raises SplatFileError if one of them is missing."""
    numbered = {name for name in names if name.startswith(prefix) and name[len(prefix) :].isdecimal()}
    family = tuple(f"{prefix}{i}" for i in range(len(numbered)))
    missing = [name for name in family if name not in numbered]
    if missing:
        raise SplatFileError(f"{path} has {len(numbered)} properties {prefix}* but no {missing[0]}; export it again")
    return family


def _columns(body: np.ndarray, names: tuple[str, ...]) -> Tensor:
    """Return named properties as a tensor (N, len(names)) float32."""
    body = body.view(np.ndarray)  # slicing a memmap costs more than the copy
    out = np.empty((len(body), len(names)), np.float32)
    for start in range(0, len(body), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        block = body[rows]
        with np.errstate(over="ignore", invalid="ignore"):  # doubles beyond float32 become infinite, dropped later
            for i, name in enumerate(names):
                out[rows, i] = block[name]
    return torch.from_numpy(out)


def _harmonics(path: Path, body: np.ndarray, rest: tuple[str, ...]) -> Tensor:
    """Return shN (N,K,3), at most of degree 3. Raises SplatFileError if the properties make no whole degree."""
    if len(rest) not in (0, 9, 24, 45, 72):
        raise SplatFileError(
            f"{path} has {len(rest)} properties f_rest_*, and spherical harmonics of degree 0 to 4 have 0, 9, 24, 45 "
            "or 72; export it again"
        )
    if len(rest) == 72:
        warnings.warn(f"{path} has spherical harmonics of degree 4; those beyond degree 3 are left out", stacklevel=3)
    stored = len(rest) // 3
    used = min(stored, 15)
    # Channel-major: coefficient k of a channel is at channel * stored + k.
    names = tuple(rest[channel * stored + k] for channel in range(3) for k in range(used)) if rest else ()
    return _columns(body, names).reshape(len(body), 3, used).transpose(1, 2).contiguous()


def _segment_ids(path: Path, body: np.ndarray) -> Tensor:
    """Return the segment ids (N,) int32. Raises SplatFileError if a value is not an id."""
    values = np.asarray(body["segment_id"], np.float64)
    if not ((values >= 0) & (values < 2**31) & (values == np.floor(values))).all():
        raise SplatFileError(
            f"{path} has a segment_id that is not a whole number from 0 to {2**31 - 1}; export it again"
        )
    return torch.from_numpy(values.astype(np.int32))


def _native(column: np.ndarray) -> np.ndarray:
    """Return a copy of a column in this machine's byte order."""
    return np.array(column, dtype=column.dtype.newbyteorder("="))
