"""Compressed PLY, PlayCanvas' format: 16 bytes a Gaussian, in chunks of 256 that state their ranges.

    element chunk   min_x min_y min_z max_x ..  min_scale_x ..  max_scale_z  min_r ..  max_b   float, one row a chunk
    element vertex  packed_position  packed_rotation  packed_scale  packed_color               uint, one row a Gaussian
    element sh      f_rest_0 .. f_rest_(3K-1)                                                  uchar, if there are any

Alphabet: position and log scale 11, 10, 11 bits within the range of the chunk; rotation 2 bits for the index of the
largest of wxyz and 10 bits for each of the others, in -1/sqrt2..1/sqrt2; colour 8, 8, 8 bits of 0.5 + Y0 sh0 within the
range of the chunk, and 8 bits of opacity; f_rest in steps of 1/32 from -4 to 4, channel-major. Older files have no
colour ranges: 0..1. Gaussians are written in Morton order, so that chunks are small. Source: the format's page in the
PlayCanvas manual.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from splatseg.errors import SplatFileError
from splatseg.files import atomic_write
from splatseg.formats.morton import morton_order
from splatseg.formats.ply.body import read_element
from splatseg.formats.ply.header import Header
from splatseg.formats.ply.meaning import MIP_COMMENT
from splatseg.splats.activations import Y0, to_sh0
from splatseg.splats.stored import StoredSplats

if TYPE_CHECKING:
    from splatseg.splats.splats import Splats

CHUNK = 256
VERTEX = ("packed_position", "packed_rotation", "packed_scale", "packed_color")
POSITION_RANGE = tuple(f"{end}_{axis}" for end in ("min", "max") for axis in "xyz")
SCALE_RANGE = tuple(f"{end}_scale_{axis}" for end in ("min", "max") for axis in "xyz")
COLOR_RANGE = tuple(f"{end}_{channel}" for end in ("min", "max") for channel in "rgb")
LOG_SCALE_LIMIT = 20.0
"""Largest absolute log scale that is written."""

SQRT2 = float(np.sqrt(2.0))


def write_compressed_ply(path: Path, splats: Splats) -> np.ndarray:
    """Write a splat without features and ids, atomically; return the order (N,) of its Gaussians in the file."""
    order = morton_order(splats.positions)
    sorted_splats = splats.subset(order)
    count, chunks = len(order), -(-len(order) // CHUNK)
    positions = sorted_splats.positions.astype(np.float32)
    scales = sorted_splats.log_scales.detach().cpu().numpy().clip(-LOG_SCALE_LIMIT, LOG_SCALE_LIMIT)
    colors = (0.5 + Y0 * sorted_splats.sh0.detach()).cpu().numpy()
    opacities = sorted_splats.opacities.detach().cpu().numpy()[:, None]
    ranges = [_ranges(values, chunks) for values in (positions, scales, colors)]
    within = [_within(values, *ends) for values, ends in zip((positions, scales, colors), ranges, strict=True)]
    packed = np.empty((count, 4), "<u4")
    packed[:, 0] = _pack(within[0], (11, 10, 11))
    packed[:, 1] = _pack_rotations(sorted_splats.quats.detach().cpu().numpy())
    packed[:, 2] = _pack(within[1], (11, 10, 11))
    packed[:, 3] = _pack(np.concatenate([within[2], opacities], 1), (8, 8, 8, 8))
    # Channel-major: all coefficients of red, then of green, then of blue.
    rest = sorted_splats.shN.detach().transpose(1, 2).flatten(1).cpu().numpy()
    lines = ["ply", "format binary_little_endian 1.0", *([f"comment {MIP_COMMENT}"] if splats.antialiased else [])]
    lines += [f"element chunk {chunks}"]
    lines += [f"property float {name}" for name in (*POSITION_RANGE, *SCALE_RANGE, *COLOR_RANGE)]
    lines += [f"element vertex {count}", *(f"property uint {name}" for name in VERTEX)]
    if rest.shape[1]:
        lines += [f"element sh {count}", *(f"property uchar f_rest_{i}" for i in range(rest.shape[1]))]
    with atomic_write(Path(path)) as file:
        file.write("\n".join([*lines, "end_header", ""]).encode("ascii"))
        file.write(np.concatenate([end for ends in ranges for end in ends], 1).astype("<f4").tobytes())
        file.write(packed.tobytes())
        file.write(np.floor((rest / 8 + 0.5) * 256).clip(0, 255).astype(np.uint8).tobytes())
    return order


def read_compressed_ply(path: Path, header: Header) -> StoredSplats:
    """Read a compressed PLY, given its header. Raises SplatFileError if it is not complete."""
    chunks, packed = read_element(path, header, "chunk"), read_element(path, header, "vertex")
    missing = [name for name in (*POSITION_RANGE, *SCALE_RANGE) if name not in (chunks.dtype.names or ())]
    if any(name in (chunks.dtype.names or ()) for name in COLOR_RANGE):  # all of them or none
        missing += [name for name in COLOR_RANGE if name not in (chunks.dtype.names or ())]
    missing += [name for name in VERTEX if name not in (packed.dtype.names or ())]
    if missing:
        raise SplatFileError(f"{path} is a compressed PLY without {missing[0]}; export it again")
    if any(packed.dtype[name].str[1:] != "u4" for name in VERTEX):
        raise SplatFileError(f"{path} is a compressed PLY whose packed numbers are not of type uint; export it again")
    if len(chunks) != -(-len(packed) // CHUNK):
        raise SplatFileError(
            f"{path} is a compressed PLY of {len(packed)} Gaussians in {len(chunks)} chunks, not in "
            f"{-(-len(packed) // CHUNK)}; export it again"
        )
    color = _unpack(packed["packed_color"], (8, 8, 8, 8))
    if any(name in (chunks.dtype.names or ()) for name in COLOR_RANGE):
        color[:, :3] = _spanned(color[:, :3], chunks, COLOR_RANGE)
    positions = _spanned(_unpack(packed["packed_position"], (11, 10, 11)), chunks, POSITION_RANGE)
    scales = _spanned(_unpack(packed["packed_scale"], (11, 10, 11)), chunks, SCALE_RANGE)
    return StoredSplats(
        means=positions,
        quats=_unpack_rotations(packed["packed_rotation"]),
        scales=scales,
        opacities=color[:, 3].copy(),
        linear_opacities=True,
        sh0=to_sh0(color[:, :3]),
        shN=_harmonics(path, header, len(packed)),
    )


def _ranges(values: np.ndarray, chunks: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the lowest and the highest values (chunks,3) of every 256 rows."""
    starts = np.arange(chunks) * CHUNK
    if chunks == 0:
        return np.empty((0, 3), np.float32), np.empty((0, 3), np.float32)
    return np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)


def _within(values: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return values in 0..1 within the range of their chunk; 0 where the range is empty."""
    size = np.where(high > low, high - low, 1.0)
    chunk = np.arange(len(values)) // CHUNK
    normalised: np.ndarray = (values - low[chunk]) / size[chunk]
    return normalised


def _spanned(values: np.ndarray, chunks: np.ndarray, names: tuple[str, ...]) -> np.ndarray:
    """Return (N,3) float32, the inverse of `_within`."""
    ends = np.stack([chunks[name] for name in names], 1).astype(np.float32)
    chunk = np.arange(len(values)) // CHUNK
    low, high = ends[chunk, :3], ends[chunk, 3:]
    spanned: np.ndarray = low * (1 - values) + high * values
    return spanned


def _pack(values: np.ndarray, bits: tuple[int, ...]) -> np.ndarray:
    """Return columns of numbers in 0..1 as one uint32, the first column in the highest bits."""
    packed = np.zeros(len(values), np.uint32)
    for column, width in zip(values.T, bits, strict=True):
        top = (1 << width) - 1
        # Earlier columns move up to make room.
        packed = packed << np.uint32(width) | np.floor(column * top + 0.5).clip(0, top).astype(np.uint32)
    return packed


def _unpack(packed: np.ndarray, bits: tuple[int, ...]) -> np.ndarray:
    """Return (N,len(bits)) float32, the inverse of `_pack`."""
    out = np.empty((len(packed), len(bits)), np.float32)
    shift = 0
    for i in reversed(range(len(bits))):  # from the lowest bits, the last column, up
        top = (1 << bits[i]) - 1
        out[:, i] = (packed >> np.uint32(shift) & np.uint32(top)) / np.float32(top)
        shift += bits[i]
    return out


def _pack_rotations(quats: np.ndarray) -> np.ndarray:
    """Return quaternions (N,4) as uint32: the index of the largest component and the other three."""
    unit = quats / np.maximum(np.linalg.norm(quats, axis=1, keepdims=True), 1e-12)
    largest = np.abs(unit).argmax(1)
    # q and -q are one rotation: make the largest component positive, so that it follows from the others.
    sign = np.where(np.take_along_axis(unit, largest[:, None], 1) < 0, -1.0, 1.0)
    # The others are at most 1/sqrt2 in size, which maps to 0..1.
    others = (unit * sign)[np.arange(4) != largest[:, None]].reshape(-1, 3)
    packed: np.ndarray = _pack(others / SQRT2 + 0.5, (10, 10, 10)) | largest.astype(np.uint32) << np.uint32(30)
    return packed


def _unpack_rotations(packed: np.ndarray) -> np.ndarray:
    """Return (N,4) float32, the inverse of `_pack_rotations`."""
    others = (_unpack(packed, (10, 10, 10)) - 0.5) * SQRT2
    largest = np.asarray(packed >> np.uint32(30)).astype(np.int64)
    out = np.empty((len(packed), 4), np.float32)
    out[np.arange(4) != largest[:, None]] = others.reshape(-1)
    out[np.arange(len(packed)), largest] = np.sqrt(np.maximum(0.0, 1.0 - (others**2).sum(1)))
    return out


def _harmonics(path: Path, header: Header, count: int) -> np.ndarray:
    """Read shN (N,K,3); K = 0 if the file has none. Raises SplatFileError if they do not fit the Gaussians."""
    if not any(element.name == "sh" for element in header.elements):
        return np.zeros((count, 0, 3), np.float32)
    rows = read_element(path, header, "sh")
    names = tuple(f"f_rest_{i}" for i in range(len(rows.dtype.names or ())))
    if len(rows) != count or len(names) not in (9, 24, 45) or set(names) != set(rows.dtype.names or ()):
        raise SplatFileError(f"{path} is a compressed PLY whose harmonics do not fit its Gaussians; export it again")
    # 0 and 255 are the ends of -4..4, the others the middle of their step.
    values = np.stack([rows[name] for name in names], 1).astype(np.float32)
    steps = np.where(values == 0, 0.0, np.where(values == 255, 1.0, (values + 0.5) / 256)).astype(np.float32)
    return np.ascontiguousarray(((steps - 0.5) * 8).reshape(count, 3, -1).transpose(0, 2, 1))
