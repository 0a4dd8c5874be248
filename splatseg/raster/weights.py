"""Blending weights as sparse matrices: what contributes to pixels, and what the masks of a view say of Gaussians.

Alphabet: R rows, nnz entries.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True)
class Floors:
    """Floors that the votes of a view must exceed to be kept (`raster.interface.vote_above`)."""

    share: float
    """Share of a Gaussian's total that a kept weight exceeds."""

    least: float
    """Weight, pixels, that a kept weight exceeds."""

    ignored: int = 0
    """Label of the pixels that are treated as unseen; 0 for none."""


@dataclass(frozen=True, eq=False)
class VoteEntries:
    """Entries of a sparse matrix of weights (N, count), by rows, columns ascending within a row."""

    rows: Tensor
    """Row of each entry, (nnz,) int32, ascending."""

    columns: Tensor
    """Column of each entry, (nnz,) int32."""

    weights: Tensor
    """(nnz,)."""


@dataclass(frozen=True, eq=False)
class SparseWeights:
    """A sparse matrix (R, width) of blending weights, by rows (CSR)."""

    indptr: Tensor
    """Row r is [indptr[r], indptr[r+1]) of columns and weights; (R+1,) int64."""

    columns: Tensor
    """Column of each entry, (nnz,) int32."""

    weights: Tensor
    """Weight of each entry, (nnz,)."""

    width: int
    """Number of columns."""


def entries_above(rows: Tensor, columns: Tensor, weights: Tensor, totals: Tensor, floors: Floors) -> VoteEntries:
    """Return the entries (nnz,) that exceed floors, and take what is ignored from totals (N,), in place.

    rows are ascending int64; for the meaning see `raster.interface.vote_above`.
    """
    unseen = columns == floors.ignored - 1
    totals[rows[unseen]] = (totals[rows[unseen]] - weights[unseen]).clamp(min=0)
    kept = (weights > (floors.share * totals).clamp(min=floors.least)[rows]) & ~unseen
    return VoteEntries(rows[kept].int(), columns[kept], weights[kept])
