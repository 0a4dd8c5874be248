"""Writing of .sog, PlayCanvas' "spatially ordered Gaussians": a zip of lossless WebP pictures, one pixel a Gaussian.

    meta.json            version 2, count, the ranges of the means, the codebooks, the names of the pictures
    means_l, means_u     low and high byte of 65535 (m - min) / (max - min), m = sign(x) ln(1 + |x|), for x, y, z
    quats                three components of wxyz as 255 (q / sqrt2 + 1/2), without the largest; 252 + its index
    scales               an index into a codebook of 256 log scales for each axis
    sh0                  an index into a codebook of 256 constant coefficients for r, g, b; opacity in 8 bits
    shN_labels           low and high byte of an index into a palette of harmonics
    shN_centroids        the palette, 64 entries a row, K pixels an entry, indices into a codebook of 256 for r, g, b

Alphabet: N Gaussians in Morton order, row by row; K harmonics beyond the constant. The axes are those of the splat (the
specification says y up, but all its writers and readers copy the coordinates of the .ply). Source: the format's page in
the PlayCanvas manual, version 2. `formats.gaussforge.read_sog` reads the files.
"""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

import splatseg.version
from splatseg.files import atomic_write
from splatseg.formats.codebooks import codebook, nearest_in, palette
from splatseg.formats.morton import morton_order
from splatseg.splats.splats import Splats

ENTRIES_A_ROW = 64
"""Entries of the palette in a row of its picture, as the format says."""

LARGEST_PALETTE = 1 << 16
"""Most entries: their index has two bytes."""

SMALLEST_PALETTE = 1 << 10
"""Up to this number every Gaussian keeps its own harmonics; more, N, share a palette of the power of two <= N."""


def write_sog(path: Path, splats: Splats) -> np.ndarray:
    """Write a .sog without features and ids, atomically; return the order (N,) of its Gaussians in the file."""
    order = morton_order(splats.positions)
    with atomic_write(Path(path)) as file, zipfile.ZipFile(file, "w") as archive:
        # A fresh ZipInfo has no time of day, so that the same splat gives the same bytes.
        for name, content in sog_members(splats.subset(order)).items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return order


def sog_members(ordered: Splats) -> dict[str, bytes]:
    """Return the files of a .sog by name, meta.json first, of Gaussians in the order that they have there."""
    meta: dict[str, Any] = {
        "version": 2,
        "asset": {"generator": f"splatseg {splatseg.version.__version__}"},
        "count": len(ordered),
        "antialias": ordered.antialiased,
    }
    pictures: dict[str, np.ndarray] = {}
    for name, add in (("means", _add_means), ("scales", _add_scales), ("quats", _add_quats), ("sh0", _add_colors)):
        meta[name] = add(ordered, pictures)
    if ordered.sh_degree:
        meta["shN"] = _add_harmonics(ordered, pictures)
    written = {name: _webp(pixels) for name, pixels in pictures.items()}
    return {"meta.json": json.dumps(meta, separators=(",", ":")).encode("utf-8"), **written}


def _add_means(splats: Splats, pictures: dict[str, np.ndarray]) -> dict[str, Any]:
    means = splats.positions.astype(np.float64)
    # A logarithmic scale: fine near the origin, coarse far away. 16 bits as a low and a high byte in two pictures.
    logs = np.sign(means) * np.log1p(np.abs(means))
    low, high = logs.min(0), logs.max(0)
    steps = np.rint((logs - low) / np.where(high > low, high - low, 1.0) * 65535).astype(np.uint16)
    pictures["means_l.webp"] = _square((steps & 255).astype(np.uint8))
    pictures["means_u.webp"] = _square((steps >> 8).astype(np.uint8))
    return {"mins": low.tolist(), "maxs": high.tolist(), "files": ["means_l.webp", "means_u.webp"]}


def _add_scales(splats: Splats, pictures: dict[str, np.ndarray]) -> dict[str, Any]:
    scales = splats.log_scales.detach().cpu().numpy()
    book = codebook(scales)
    pictures["scales.webp"] = _square(nearest_in(book, scales))
    return {"codebook": book.tolist(), "files": ["scales.webp"]}


def _add_quats(splats: Splats, pictures: dict[str, np.ndarray]) -> dict[str, Any]:
    unit = torch.nn.functional.normalize(splats.quats.detach(), dim=1).cpu().numpy()
    largest = np.abs(unit).argmax(1)
    rows = np.arange(len(unit))
    # q and -q are one rotation: make the largest component positive, so that it follows from the others.
    unit = unit * np.where(unit[rows, largest] < 0, -1.0, 1.0)[:, None]
    # Indices of the three other components, in order.
    others = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])[largest]
    kept = np.rint((unit[rows[:, None], others] / 2**0.5 + 0.5) * 255).clip(0, 255)
    pictures["quats.webp"] = _square(np.column_stack([kept, 252 + largest]).astype(np.uint8))
    return {"files": ["quats.webp"]}


def _add_colors(splats: Splats, pictures: dict[str, np.ndarray]) -> dict[str, Any]:
    sh0 = splats.sh0.detach().cpu().numpy()
    opacities = (splats.opacities.detach() * 255).round().cpu().numpy()
    book = codebook(sh0)
    pictures["sh0.webp"] = _square(np.column_stack([nearest_in(book, sh0), opacities.astype(np.uint8)]))
    return {"codebook": book.tolist(), "files": ["sh0.webp"]}


def _add_harmonics(splats: Splats, pictures: dict[str, np.ndarray]) -> dict[str, Any]:
    """Quantise twice: the harmonics of a Gaussian to an entry of a palette, the entries' numbers to a codebook."""
    count, width = splats.shN.shape[:2]
    size = min(LARGEST_PALETTE, max(SMALLEST_PALETTE, 1 << count.bit_length() - 1))
    found, chosen = palette(splats.shN.detach().cpu().flatten(1), size)
    entries, labels = found.numpy(), chosen.numpy()
    book = codebook(entries)
    indices = nearest_in(book, entries).reshape(-1, width, 3)
    rows = -(-len(indices) // ENTRIES_A_ROW)
    padded = np.zeros((rows * ENTRIES_A_ROW, width, 3), np.uint8)
    padded[: len(indices)] = indices
    pictures["shN_centroids.webp"] = padded.reshape(rows, ENTRIES_A_ROW * width, 3)
    pictures["shN_labels.webp"] = _square(
        np.column_stack([labels & 255, labels >> 8, np.zeros_like(labels)]).astype(np.uint8)
    )
    return {
        "count": len(indices),
        "bands": splats.sh_degree,
        "codebook": book.tolist(),
        "files": ["shN_centroids.webp", "shN_labels.webp"],
    }


def _square(rows: np.ndarray) -> np.ndarray:
    """Return pixels (N,C) as a picture (H,W,C), W a multiple of 4 and about H, padded with zeros."""
    width = max(4, int(np.ceil(np.sqrt(len(rows)) / 4)) * 4)
    height = -(-len(rows) // width)
    picture = np.zeros((height * width, rows.shape[1]), np.uint8)
    picture[: len(rows)] = rows
    return picture.reshape(height, width, -1)


def _webp(pixels: np.ndarray) -> bytes:
    """Return a picture (H,W,3 or 4) as lossless WebP; `exact` keeps the colour of pixels of opacity 0, data here."""
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, format="WEBP", lossless=True, exact=True, quality=50, method=3)
    return file.getvalue()
