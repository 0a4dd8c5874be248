"""Values carried smoothly into a region from its outline: the membrane, the solution of Laplace's equation.

    sum over the neighbours y of x of (u(y) - u(x)) = 0            for every cell x of the region

Neighbours are the four cells beside a cell; those outside of the region have known values, or do not count.

Alphabet: H x W cells, C channels.
Source: Perez, Gangnet, Blake, "Poisson image editing", 2003, section 2 (their membrane interpolant).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse
from scipy.sparse.linalg import splu

PULL = 1e-9
"""Weight of the mean of the known values in every equation: a region that touches none of them has a solution, too."""


def membrane(values: np.ndarray, known: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Return values (H,W,C) float64, those of cells in `region` (H,W) bool replaced by the membrane.

    known (H,W) bool: cells whose values count; those in the region do not.
    """
    known = known & ~region
    number = np.full(region.shape, -1)
    number[region] = np.arange(int(region.sum()))
    count, channels = int(region.sum()), values.shape[2]
    filled = values.astype(np.float64, copy=True)
    if count == 0 or not known.any():
        return filled
    diagonal, right = np.full(count, PULL), np.tile(PULL * values[known].astype(np.float64).mean(0), (count, 1))
    rows, columns = [], []
    for axis, step in ((0, 1), (0, -1), (1, 1), (1, -1)):
        here, beside, inside = number, _shifted(number, axis, step, -1), region
        both = inside & (beside >= 0)
        rows.append(here[both])
        columns.append(beside[both])
        outline = inside & _shifted(known, axis, step, False)
        np.add.at(diagonal, here[both | outline], 1.0)
        neighbour = np.stack([_shifted(filled[..., c], axis, step, 0.0) for c in range(channels)], -1)
        right[here[outline]] += neighbour[outline]
    off = np.concatenate(rows), np.concatenate(columns)
    matrix = sparse.coo_array((np.full(len(off[0]), -1.0), off), shape=(count, count)) + sparse.diags_array(diagonal)
    filled[region] = splu(matrix.tocsc()).solve(right)
    return filled


def _shifted(values: np.ndarray, axis: int, step: int, outside: float) -> np.ndarray:
    """Return an array (H,W) in which each cell has the value of its neighbour `step` further along an axis."""
    moved = np.roll(values, -step, axis)
    edge = -1 if step > 0 else 0
    moved[(slice(None), edge) if axis else edge] = outside
    return moved
