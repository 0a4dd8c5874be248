"""Some rows of a splat in blocks, read where they lie: what a camera sees of a huge splat, and one column of it.

Alphabet: N Gaussians; n rows that are asked for.
"""

from __future__ import annotations

import mmap
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from splatseg.formats.parts.blocks import FileBlocks
from splatseg.formats.parts.rows import PlyRows, Rows
from splatseg.formats.parts.survey import Kept
from splatseg.formats.ply.table import ids_of
from splatseg.splats.stored import StoredSplats

if TYPE_CHECKING:
    from torch import Tensor

AT_ONCE = 1 << 20
"""Rows of a column that are looked at in one go."""

PICKED_AT_ONCE = 1 << 16
"""Rows that are read with all that the file holds of them, before their colours are kept."""


@dataclass(frozen=True, eq=False)
class ColorsOfBlocks:
    """Colours of some Gaussians of a splat in blocks (`splats.mapped.ColorsOfRows`)."""

    blocks: FileBlocks
    """The splat."""

    def __call__(self, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return copies of sh0 (n,3) and shN (n,K,3) of rows (n,), ascending; no more of the files is looked at.

        Raises SplatFileError if a file changed or cannot be read.
        """
        import torch  # noqa: PLC0415 (formats are read without it)

        harmonics = self.blocks.form.shN.shape[1]
        sh0, others = np.empty((len(rows), 3), np.float32), np.empty((len(rows), harmonics, 3), np.float32)
        before = 0
        for file, stays, stamp in zip(self.blocks.files, self.blocks.known.kept, self.blocks.stamps, strict=True):
            first, last = np.searchsorted(rows, [before, before + len(stays)]).tolist()
            in_file = _in_file(stays, rows[first:last] - before)
            before += len(stays)
            stamp.check()
            for begin in range(first, last, PICKED_AT_ONCE):
                end = min(begin + PICKED_AT_ONCE, last)
                found = _picked(file, in_file[begin - first : end - first])
                sh0[begin:end], others[begin:end] = found.sh0, found.shN
        return torch.from_numpy(sh0), torch.from_numpy(others)


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
        if places and plain and body.parsed is None and body.dtype.itemsize % 4 == 0:
            blocks.stamps[0].check()
            with file.path.open("rb") as opened:
                whole = mmap.mmap(opened.fileno(), 0, access=mmap.ACCESS_COPY)
            strides = (body.dtype.itemsize, 4)
            return np.ndarray((file.count, len(names)), np.float32, whole, body.offset + places[0][1], strides)
    features = np.empty((len(blocks), form.shape[1]), np.float32)
    for begin in range(0, len(blocks), PICKED_AT_ONCE):
        rows = slice(begin, begin + PICKED_AT_ONCE)
        features[rows] = blocks.stored(begin, min(begin + PICKED_AT_ONCE, len(blocks))).features
    return features


def _picked(file: Rows, rows: np.ndarray) -> StoredSplats:
    if isinstance(file, PlyRows) and file.beside is None:
        return file.table.stored(file.table.body.rows(0, file.count)[rows], file.forms)
    return file.stored(0, file.count).subset(rows)


def _in_file(stays: Kept, rows: np.ndarray) -> np.ndarray:
    """Return the rows of a file that are the given ones among those that stay."""
    if stays.bits is None:
        return rows
    found: np.ndarray = np.flatnonzero(np.unpackbits(stays.bits, count=stays.count))[rows]
    return found


def _ids(file: Rows, begin: int, end: int) -> np.ndarray:
    if isinstance(file, PlyRows) and file.beside is None:
        return ids_of(file.path, file.table.body.rows(begin, end))
    found = file.stored(begin, end).segment_ids
    assert found is not None
    return found
