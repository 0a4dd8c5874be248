"""One pass over the files of a splat: which Gaussians stay, where blocks begin, what space they take.

A Gaussian that is not finite is dropped as `formats.read.load_splats` drops it, so that both number rows alike. Of a
file with such rows a bit a row is kept. Alphabet: n rows of a file, m <= n that stay; B blocks.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatseg.formats.parts.rows import Rows
from splatseg.formats.ply.meaning import warn_of_plain_opacities
from splatseg.formats.read import bounded, check_finite, warn_of_bounds
from splatseg.splats.blocks import ROWS_A_BLOCK
from splatseg.splats.stored import StoredSplats

STEP = 1 << 16
"""Rows of a file that are looked at in one go."""


@dataclass(frozen=True, eq=False)
class Kept:
    """Rows of one file that stay."""

    count: int
    """Rows of the file, n."""
    before: np.ndarray
    """Rows that stay before each `STEP` of the file, and m: (S+1,) int64."""
    bits: np.ndarray | None
    """A bit for each row, as `numpy.packbits` has them; None if all stay."""

    def __len__(self) -> int:
        return int(self.before[-1])

    def span(self, begin: int, end: int) -> tuple[int, int, np.ndarray | None]:
        """Return rows of the file (from, to) that hold rows `begin` to `end` of those that stay, and which do, or None.

        begin < end. The mask is (to - from,) bool.
        """
        if self.bits is None:
            return begin, end, None
        first = int(np.searchsorted(self.before, begin, side="right")) - 1
        last = int(np.searchsorted(self.before, end, side="left"))
        start, stop = first * STEP, min(last * STEP, self.count)
        stays = np.unpackbits(self.bits[start // 8 : -(-stop // 8)], count=stop - start).astype(bool)
        numbers = np.cumsum(stays) + int(self.before[first])  # number of the row, from 1
        return start, stop, stays & (numbers > begin) & (numbers <= end)


@dataclass(frozen=True, eq=False)
class Survey:
    """Facts that one pass over all files gives."""

    kept: tuple[Kept, ...]
    """Rows that stay of each file."""
    dropped: int
    """Number of Gaussians that were dropped."""
    borders: np.ndarray
    """First row of each block, and N: (B+1,) int64. No block holds rows of two files."""
    boxes: np.ndarray
    """Lowest and highest mean of each block, (B,2,3) float64."""
    reaches: np.ndarray
    """Largest linear scale of each block, (B,) float32, or the next number above."""


def survey(path: Path, files: Sequence[Rows], rows_a_block: int | None) -> Survey:
    """Look at all rows of the files of the splat at `path`.

    Warns of what is not read as it stands, as `load_splats` does. Raises SplatFileError if no Gaussian is finite.
    """
    looks = [_Look(rows_a_block or ROWS_A_BLOCK) for _ in files]
    for look, rows in zip(looks, files, strict=True):
        look.over(rows)
    count = sum(rows.count for rows in files)
    if all(look.plain for look in looks):
        warn_of_plain_opacities(path, count)
    warn_of_bounds(path, sum(look.huge for look in looks), sum(look.still for look in looks))
    kept = tuple(look.kept(rows.count) for look, rows in zip(looks, files, strict=True))
    dropped = count - sum(map(len, kept))
    check_finite(path, count, dropped)
    sizes = [min(look.size, len(one) - begin) for look, one in zip(looks, kept, strict=True) for begin in look.begins]
    return Survey(
        kept=kept,
        dropped=dropped,
        borders=np.cumsum([0, *sizes], dtype=np.int64),
        boxes=np.array([box for look in looks for box in look.boxes]),
        reaches=np.nextafter(
            np.array([reach for look in looks for reach in look.reaches], np.float32), np.float32(np.inf)
        ),
    )


class _Look:
    """Facts of the rows of one file, found in one pass. size: rows of a block."""

    def __init__(self, size: int) -> None:
        self.size, self.huge, self.still, self.plain = size, 0, 0, True
        self.before, self.bits, self.whole = [0], list[np.ndarray](), True
        self.begins, self.boxes, self.reaches = list[int](), list[np.ndarray](), list[float]()

    def over(self, rows: Rows) -> None:
        """Look at all rows."""
        for begin in range(0, rows.count, STEP):
            end = min(begin + STEP, rows.count)
            # Colours are most of a file: they are converted only if something may not be finite.
            sound = rows.sound(begin, end)
            stored, huge, still = bounded(rows.stored(begin, end, "geometry" if sound else "all"))
            self.huge, self.still = self.huge + huge, self.still + still
            self.plain = self.plain and rows.plain_opacities(begin, end)
            finite = stored.finite()
            self.bits.append(np.packbits(finite))
            self.whole = self.whole and bool(finite.all())
            self._add(stored.means[finite], _reach(stored)[finite])
            self.before.append(self.before[-1] + int(finite.sum()))

    def _add(self, means: np.ndarray, reach: np.ndarray) -> None:
        """Add Gaussians that stay to the boxes of their blocks."""
        done, begin = self.before[-1], 0
        while begin < len(means):
            room = self.size - (done + begin) % self.size
            if room == self.size:
                self.begins.append(done + begin)
                self.boxes.append(np.array([[math.inf] * 3, [-math.inf] * 3]))
                self.reaches.append(0.0)
            part, box = slice(begin, begin + room), self.boxes[-1]
            np.minimum(box[0], means[part].min(0), out=box[0])
            np.maximum(box[1], means[part].max(0), out=box[1])
            self.reaches[-1] = max(self.reaches[-1], float(reach[part].max()))
            begin += room

    def kept(self, count: int) -> Kept:
        """Return the rows that stay."""
        bits = None if self.whole else np.concatenate(self.bits)
        return Kept(count, np.array(self.before, np.int64), bits)


def _reach(stored: StoredSplats) -> np.ndarray:
    """Return the largest linear scale of each Gaussian, (n,) float64."""
    largest: np.ndarray = stored.scales.max(1).astype(np.float64)
    if not stored.linear_scales:
        np.exp(largest, out=largest)
    return largest
