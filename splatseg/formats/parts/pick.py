"""Single columns of a splat in blocks: colours, features and ids of all its Gaussians, and its geometry.

Alphabet: N Gaussians.
"""

from __future__ import annotations

import mmap
from dataclasses import replace
from typing import Any

import numpy as np

from splatseg.formats.parts.blocks import FileBlocks
from splatseg.formats.parts.rows import PlyRows, Rows
from splatseg.formats.ply.table import ids_of
from splatseg.machine.mapped import ranges, release, scratch
from splatseg.splats.stored import StoredSplats

AT_ONCE = 1 << 20
"""Rows of a column that are looked at in one go."""


def colors_of_blocks(blocks: FileBlocks) -> tuple[np.ndarray, np.ndarray]:
    """Return copies of the harmonics of all Gaussians, sh0 (N,3) and shN (N,K,3), in scratch memory (`machine.mapped`).

    In the file a Gaussian's colours lie among all that it has: pictures would read all of it, every one of them anew.

    Raises SplatFileError if a file changed or cannot be read.
    """
    sh0 = scratch((len(blocks), 3), np.float32)
    others = scratch((len(blocks), *blocks.form.shN.shape[1:]), np.float32)
    for rows in ranges(len(blocks)):
        found = blocks.stored(rows.start, rows.stop, "colors")
        sh0[rows], others[rows] = found.sh0, found.shN
        release(sh0, others)
    return sh0, others


def ids_of_blocks(blocks: FileBlocks) -> np.ndarray | None:
    """Return the segment ids (N,) int32 of all Gaussians; None if the splat has none. Raises SplatFileError."""
    if blocks.form.segment_ids is None:
        return None
    ids = np.empty(len(blocks), np.int32)
    before = 0
    for file, stays, stamp in zip(blocks.files, blocks.known.kept, blocks.stamps, strict=True):
        stamp.check()
        for begin in range(0, file.count, AT_ONCE):
            end = min(begin + AT_ONCE, file.count)
            found = _ids(file, begin, end)
            if stays.bits is not None:
                packed = stays.bits[begin // 8 : -(-end // 8)]
                found = found[np.unpackbits(packed, count=end - begin).astype(bool)]
            ids[before : before + len(found)] = found
            before += len(found)
    return ids


def features_of_blocks(blocks: FileBlocks) -> np.ndarray | None:
    """Return the features (N,F) of all Gaussians; None if the splat has none.

    Those of a .ply as this program writes it are not copied: they lie in the file, mapped, in strides.

    Raises SplatFileError if a file changed or cannot be read.
    """
    form = blocks.form.features
    if form is None:
        return None
    file, stays = blocks.files[0], blocks.known.kept[0]
    if len(blocks.files) == 1 and stays.bits is None and isinstance(file, PlyRows):
        body, names = file.table.body, file.table.features
        places = [body.dtype.fields[name] for name in names] if body.dtype.fields is not None else []
        plain = all(place[0] == np.dtype("<f4") and place[1] == places[0][1] + 4 * i for i, place in enumerate(places))
        if places and plain and body.is_mapped and body.dtype.itemsize % 4 == 0:
            blocks.stamps[0].check()
            with file.path.open("rb") as opened:
                whole = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
            strides = (body.dtype.itemsize, 4)
            return np.ndarray((file.count, len(names)), np.float32, whole, body.offset + places[0][1], strides)
    features = np.empty((len(blocks), form.shape[1]), np.float32)
    for rows in ranges(len(blocks)):
        features[rows] = blocks.stored(rows.start, rows.stop).features
    return features


def digested(blocks: FileBlocks) -> StoredSplats:
    """Return all Gaussians with what digests are made of (`splats.made_of`), in scratch memory; grey.

    Raises SplatFileError if a file changed or cannot be read.
    """
    count, form = len(blocks), blocks.form
    names = ("means", "quats", "scales", "opacities")
    made = {name: scratch((count, *getattr(form, name).shape[1:]), np.float32) for name in names}
    for rows in ranges(count):
        found = blocks.stored(rows.start, rows.stop, "geometry")
        for name, values in made.items():
            values[rows] = getattr(found, name)
        release(*made.values())
    columns: dict[str, Any] = {**made, "features": features_of_blocks(blocks), "segment_ids": ids_of_blocks(blocks)}
    grey = np.broadcast_to(np.zeros(1, np.float32), (count, 3))
    return replace(form, **columns, sh0=grey, shN=np.zeros((count, 0, 3), np.float32), extras={})


def _ids(file: Rows, begin: int, end: int) -> np.ndarray:
    if isinstance(file, PlyRows) and file.beside is None:
        return ids_of(file.path, file.table.body.rows(begin, end))
    found = file.stored(begin, end).segment_ids
    assert found is not None
    return found
