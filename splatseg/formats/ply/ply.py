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
programs (`FEATURE_PREFIXES`) and written as f_seg_*. Unknown properties are kept in `Splats.extras` in their own type
and written again. A compressed PLY has another body and is read by `compressed_ply`.
"""

from __future__ import annotations

import dataclasses
import math
import warnings
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splatseg.cameras.coordinates import OWN, coordinates_around
from splatseg.errors import SplatFileError
from splatseg.files import atomic_write
from splatseg.formats.compressed_ply import read_compressed_ply
from splatseg.formats.ply.body import read_element
from splatseg.formats.ply.columns import (
    ALPHA,
    COLOR,
    CONSTANT,
    GEOMETRY,
    POSITION,
    REQUIRED,
    ROTATION,
    ROWS_AT_ONCE,
    SCALE,
    colors_of,
    columns_of,
    harmonics_of,
    log_scales_of,
    opacities_of,
    splat_element,
    with_known_names,
)
from splatseg.formats.ply.header import TYPE_NAMES, read_header
from splatseg.formats.ply.meaning import (
    MIP_COMMENT,
    filter_name,
    filtered,
    is_antialiased,
    warn_of_antialiasing,
    warn_of_plain_opacities,
    warn_of_speaking,
    world_comment,
    world_of,
)
from splatseg.splats.stored import StoredSplats

if TYPE_CHECKING:
    from torch import Tensor

    from splatseg.splats.splats import Splats

NORMAL = ("nx", "ny", "nz")

FEATURE_PREFIXES = ("f_seg_", "obj_dc_", "semantic_", "f_")
"""Prefixes of features, in order: CGC; Gaussian Grouping and OmniSeg3D; Feature 3DGS; SAGA. `f_0` is SAGA's, `f_dc_0`
and `f_rest_0` are colour."""


COARSEST = 0.01
"""Share of the median standard deviation of the Gaussians by which float32 may round positions; no picture shows it."""


def read_ply(path: Path) -> StoredSplats:
    """Read a splat. Values are kept even if they are not finite (see `formats.read.load_splats`).

    Warns of all that is not read as it stands: harmonics beyond degree 3; discs of 2D Gaussian Splatting; a file of
    SAGA's features, which has no colours, is grey; and see `formats.ply.meaning`.

    Raises SplatFileError for anything but a complete splat.
    """
    path = Path(path)
    header = read_header(path)
    antialiased = is_antialiased(header.comments)
    if antialiased:
        warn_of_antialiasing(path)
    body = with_known_names(read_element(path, header, splat_element(header)))
    names = body.dtype.names or ()
    if "packed_position" in names:
        return dataclasses.replace(read_compressed_ply(path, header), antialiased=antialiased)
    rest = _family(path, names, "f_rest_")
    features = next((family for p in FEATURE_PREFIXES if (family := _family(path, names, p))), ())
    in_rgb = CONSTANT[0] not in names and all(name in names for name in COLOR)
    colored = any(name in names for name in CONSTANT) or not features
    required = {*(REQUIRED if colored and not in_rgb else GEOMETRY)} - {SCALE[2]}
    in_alpha = "opacity" not in names and ALPHA in names
    _check_required(path, names, [name for name in REQUIRED if name in required - ({"opacity"} if in_alpha else set())])
    if not (colored or in_rgb):
        warnings.warn(f"{path} has features and no colours (no {CONSTANT[0]}); its Gaussians are grey", stacklevel=2)
    smoothed = filter_name(names)
    known = {*REQUIRED, *NORMAL, *rest, *features, "segment_id", smoothed, *(COLOR if in_rgb else ())}
    known |= {ALPHA} if in_alpha else set()
    plain = np.zeros((len(body), 3), np.float32)
    scales, (opacities, linear) = log_scales_of(path, body), opacities_of(body)
    stored = StoredSplats(
        means=columns_of(body, POSITION),
        quats=columns_of(body, ROTATION),
        scales=scales,
        opacities=opacities,
        sh0=colors_of(path, body) if in_rgb else columns_of(body, CONSTANT) if colored else plain,
        shN=harmonics_of(path, body, rest),
        features=columns_of(body, features) if features else None,
        segment_ids=_segment_ids(path, body) if "segment_id" in names else None,
        extras={name: _native(body[name]) for name in names if name not in known},
        antialiased=antialiased,
        coordinates=world_of(header.comments) or OWN,
        linear_opacities=linear,
    )
    if smoothed is not None:
        stored = filtered(stored, body[smoothed], len(SCALE) if SCALE[2] in names else 2)
        warnings.warn(f"the smoothing {smoothed} of {path} is put into its scales and opacities", stacklevel=2)
    warn_of_speaking(path, tuple(stored.extras))
    if not linear:
        warn_of_plain_opacities(path, opacities)
    return stored if world_of(header.comments) else _in_world(stored, body)


def write_ply(path: Path, splats: Splats, comments: Iterable[str] = (), own: bool = True) -> None:
    """Write a splat, atomically. comments: lines of the header.

    own: in the user's own coordinates; if not, in the world of the splat, which a comment describes.
    """
    coordinates = OWN if own else splats.coordinates
    columns = _named_columns(splats, own)
    dtype = np.dtype([(name, values.dtype.newbyteorder("<")) for name, values in columns])
    lines = ["ply", "format binary_little_endian 1.0"]
    lines += [f"comment {line}" for comment in comments for line in comment.splitlines()]
    lines += [f"comment {MIP_COMMENT}"] if splats.antialiased else []
    lines += [] if coordinates.is_own else [f"comment {world_comment(coordinates)}"]
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


def _in_world(stored: StoredSplats, body: np.ndarray) -> StoredSplats:
    """Return Gaussians in own coordinates in a world, if those are doubles that float32 is too coarse for."""
    if not len(body) or any(body.dtype[name].type is not np.float64 for name in POSITION):
        return stored
    means = np.stack([np.asarray(body[name], np.float64) for name in POSITION], axis=1)
    finite = np.isfinite(means).all(1)
    if not _coarse(means[finite], stored.log_scales[finite]):
        return stored
    coordinates = coordinates_around(means[finite])
    with np.errstate(over="ignore", invalid="ignore"):  # doubles beyond float32 become infinite
        means = coordinates.inwards(means).astype(np.float32)
    scales = stored.scales if coordinates.is_own else stored.scales - np.float32(math.log(coordinates.scale))
    return dataclasses.replace(stored, means=means, scales=scales, coordinates=coordinates)


def _coarse(means: np.ndarray, log_scales: np.ndarray) -> bool:
    """Tell whether float32 is too coarse for positions (N,3) of Gaussians with log scales (N,3)."""
    if not len(means):
        return False
    rounded = float(np.median(np.abs(means).max(1))) * float(np.finfo(np.float32).eps)
    middle = (log_scales.size - 1) // 2
    typical = float(np.partition(log_scales, middle, axis=None)[middle])
    return rounded > COARSEST * math.exp(typical) and not np.isnan(log_scales).any()


def _own_geometry(splats: Splats) -> tuple[np.ndarray, np.ndarray]:
    """Return positions (N,3), doubles where float32 is too coarse, and log scales (N,3) in own coordinates."""
    if splats.coordinates.is_own:
        return splats.positions, _array(splats.log_scales)
    means, log_scales = splats.own_positions, _array(splats.log_scales + math.log(splats.coordinates.scale))
    return (means if _coarse(means, log_scales) else means.astype(np.float32)), log_scales


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


def _check_required(path: Path, names: tuple[str, ...], required: Sequence[str]) -> None:
    """Raise SplatFileError if a required property is missing."""
    if any(name.startswith("f_anchor_") for name in names):
        raise SplatFileError(
            f"{path} holds anchors of Scaffold-GS (f_anchor_*), of which a network makes the Gaussians of each view; "
            "give a splat of a method that stores its Gaussians"
        )
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


def _segment_ids(path: Path, body: np.ndarray) -> np.ndarray:
    """Return the segment ids (N,) int32. Raises SplatFileError if a value is not an id."""
    values = np.asarray(body["segment_id"], np.float64)
    if not ((values >= 0) & (values < 2**31) & (values == np.floor(values))).all():
        raise SplatFileError(
            f"{path} has a segment_id that is not a whole number from 0 to {2**31 - 1}; export it again"
        )
    return values.astype(np.int32)


def _native(column: np.ndarray) -> np.ndarray:
    """Return a copy of a column in this machine's byte order, of a type that PLY knows."""
    kind = column.dtype.newbyteorder("=")
    if kind.str[1:] not in TYPE_NAMES:  # half floats and whole numbers of 64 bits, which some programs add to PLY
        kind = np.dtype(np.float32 if kind.itemsize == 2 else np.float64)
    return np.array(column, dtype=kind)
