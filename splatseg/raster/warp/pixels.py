"""Weights at sampled pixels, and products with the sparse matrix of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import warp as wp
from torch import Tensor

from splatseg.raster.warp.kernels.sparse import multiplier, weigh
from splatseg.raster.warp.kernels.walking import float_vector
from splatseg.raster.warp.lists import Prepared
from splatseg.raster.warp.runtime import array, launch


@dataclass(frozen=True, eq=False)
class PixelWeights:
    """A sparse matrix of weights (P,N), by rows and by columns."""

    indptr: Tensor
    """Row r has the entries indptr[r]..indptr[r+1], front to back; (P+1,) int64."""

    columns: Tensor
    """Gaussian of each entry, (nnz,) int32."""

    weights: Tensor
    """Weight of each entry, (nnz,)."""

    by_column: tuple[Tensor, Tensor, Tensor]
    """The transpose, in the same form: starts (N+1,) int64, pixels (nnz,) int32, weights (nnz,)."""

    @property
    def by_row(self) -> tuple[Tensor, Tensor, Tensor]:
        """Starts, columns and weights."""
        return self.indptr, self.columns, self.weights

    @property
    def bytes(self) -> int:
        """Memory that all of it takes."""
        return sum(part.nbytes for part in (self.indptr, self.columns, self.weights, *self.by_column))


def pixel_weights(prepared: Prepared, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weights at pixels (P,2) int64 (x, y), by rows: (P+1,) int64, columns (nnz,) int32, weights (nnz,)."""
    device, places = pixels.device, array(pixels.int(), wp.vec2i)
    counts = torch.zeros(len(pixels), dtype=torch.int64, device=device)
    launch(weigh, len(pixels), [*prepared.lists, places, None, None, None, array(counts)], device)
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    columns = torch.empty(int(indptr[-1]), dtype=torch.int32, device=device)
    weights = torch.empty(len(columns), device=device)
    if len(columns):
        written = [array(indptr), array(columns), array(weights)]
        launch(weigh, len(pixels), [*prepared.lists, places, *written, array(counts)], device)
    return indptr, columns, weights


def both_ways(indptr: Tensor, columns: Tensor, weights: Tensor, count: int) -> PixelWeights:
    """Return the matrix with its transpose; `count` is its number of columns."""
    rows = torch.repeat_interleave(torch.arange(len(indptr) - 1, device=indptr.device), indptr.diff())
    columns_sorted, order = torch.sort(columns, stable=True)
    ends = torch.arange(count + 1, dtype=columns.dtype, device=columns.device)
    transposed = (torch.searchsorted(columns_sorted, ends), rows[order].int(), weights[order])
    return PixelWeights(indptr, columns, weights, transposed)


def product(matrix: tuple[Tensor, Tensor, Tensor], dense: Tensor) -> Tensor:
    """Return a sparse matrix of R rows by a dense one (K,C): (R,C)."""
    indptr, columns, weights = matrix
    out = dense.new_zeros(len(indptr) - 1, dense.shape[1])
    kind = float_vector(dense.shape[1])
    if len(columns):
        inputs = [array(indptr), array(columns), array(weights), array(dense, kind), array(out, kind)]
        launch(multiplier(dense.shape[1]), len(out), inputs, dense.device)
    return out
