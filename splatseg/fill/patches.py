"""Pieces of the surface around a hole that are copied into it: for each cell of the hole, the way to its source.

One piece that covers the whole hole is best; where there is none, several, the largest first. Among pieces that cover
nearly as much, the one is taken whose surroundings look most like those of the hole:

    mismatch(t) = mean over the hole's rim of |colour(x + t) - colour(x)|^2

A kind of texture synthesis by patches (Efros and Freeman 2001) with the whole hole as the patch.

Alphabet: G x G cells; x a cell, t a shift (rows, columns) in cells.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage

STRIDE = 3
"""Cells between the shifts that are tried."""

RIM = 4
"""Width in cells of the rim that is compared."""

STRANGE = 1.0
"""Mismatch of a rim's cell whose source is no surface: more than that of any two colours of one."""

NEARLY = 0.95
"""Shifts that cover this share of what the best one covers compete by their looks."""

MOST = 30
"""Pieces at most: a hole that needs more is larger than its surroundings."""

LEAST = 0.01
"""Share of the hole below which a piece is not worth copying."""


@dataclass(frozen=True, eq=False)
class Patch:
    """A part of a hole and the shift to the part of the surface that is copied into it."""

    region: np.ndarray
    """Cells of the hole that are covered by it, (G,G) bool."""

    shift: tuple[int, int]
    """Rows and columns from a cell of the hole to its source."""

    agreement: float
    """Correlation of the colours of the hole's rim and of the source's, 0..1."""

    @property
    def source(self) -> np.ndarray:
        """Cells that are copied, (G,G) bool."""
        return _moved(self.region, (-self.shift[0], -self.shift[1]))

    def moved(self, values: np.ndarray) -> np.ndarray:
        """Return for each cell the value (G,G,...) at its source; 0 for sources outside."""
        return _moved(values, self.shift)


def choose_patches(hole: np.ndarray, source: np.ndarray, colors: np.ndarray, rim: np.ndarray) -> list[Patch]:
    """Choose the pieces that cover a hole (G,G) bool; [] if nothing around it can be copied.

    source (G,G) bool: cells that can be copied; colors (G,G,C) of all that is covered, rim (G,G) bool: covered cells
    around the hole.
    """
    left, patches = hole.copy(), list[Patch]()
    shifts = _shifts(len(hole))
    mismatches = np.array([_mismatch(shift, source, colors, rim) for shift in shifts])
    while left.sum() > LEAST * hole.sum() and len(patches) < MOST:
        covers = np.array([_covered(shift, left, source) for shift in shifts])
        if covers.max() <= LEAST * hole.sum():
            break
        able = covers >= NEARLY * covers.max()
        shift = shifts[int(np.where(able, mismatches, np.inf).argmin())]
        region = left & _moved(source, shift)
        patches.append(Patch(region, shift, _agreement(shift, source, colors, rim)))
        left &= ~region
    return patches


def rim_of(hole: np.ndarray, covered: np.ndarray, width: int = RIM) -> np.ndarray:
    """Return the covered cells (G,G) bool within some cells of a hole."""
    around: np.ndarray = ndimage.binary_dilation(hole, iterations=width) & covered & ~hole
    return around


def _shifts(side: int) -> list[tuple[int, int]]:
    steps = range(-side // 2 // STRIDE * STRIDE, side // 2 + 1, STRIDE)
    return [(rows, columns) for rows in steps for columns in steps if rows or columns]


def _moved(values: np.ndarray, shift: tuple[int, int]) -> np.ndarray:
    """Return for each cell x the value at x + shift, 0 outside."""
    out = np.zeros_like(values)
    (here_r, there_r), (here_c, there_c) = (
        _slices(step, side) for step, side in zip(shift, values.shape, strict=False)
    )
    out[here_r, here_c] = values[there_r, there_c]
    return out


def _slices(step: int, side: int) -> tuple[slice, slice]:
    here = slice(max(-step, 0), side - max(step, 0))
    return here, slice(here.start + step, here.stop + step)


def _covered(shift: tuple[int, int], left: np.ndarray, source: np.ndarray) -> int:
    (here_r, there_r), (here_c, there_c) = (_slices(step, side) for step, side in zip(shift, left.shape, strict=True))
    return int((left[here_r, here_c] & source[there_r, there_c]).sum())


def _pairs(
    shift: tuple[int, int], source: np.ndarray, colors: np.ndarray, rim: np.ndarray
) -> tuple[np.ndarray, np.ndarray, int]:
    """Return colours (P,C) of the rim and of its source, where there is one, and the number of cells where not."""
    rows, columns = np.nonzero(rim)
    to_r, to_c = rows + shift[0], columns + shift[1]
    inside = (to_r >= 0) & (to_c >= 0) & (to_r < rim.shape[0]) & (to_c < rim.shape[1])
    inside[inside] = source[to_r[inside], to_c[inside]]
    here, there = colors[rows[inside], columns[inside]], colors[to_r[inside], to_c[inside]]
    return here, there, int((~inside).sum())


def _mismatch(shift: tuple[int, int], source: np.ndarray, colors: np.ndarray, rim: np.ndarray) -> float:
    here, there, strange = _pairs(shift, source, colors, rim)
    return float((((here - there) ** 2).sum() + STRANGE * strange) / max(len(here) + strange, 1))


def _agreement(shift: tuple[int, int], source: np.ndarray, colors: np.ndarray, rim: np.ndarray) -> float:
    here, there, _ = _pairs(shift, source, colors, rim)
    if not len(here):
        return 0.0
    here, there = here - here.mean(0), there - there.mean(0)
    spread = float((here**2).sum() * (there**2).sum()) ** 0.5
    return min(max(float((here * there).sum()) / spread, 0.0), 1.0) if spread > 0 else 0.0
