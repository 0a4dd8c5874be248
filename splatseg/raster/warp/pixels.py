"""Weights at sampled pixels, and products with the sparse matrix of them."""

import functools
from dataclasses import dataclass
from typing import Any

import torch
import warp as wp
from torch import Tensor

from splatseg.raster.warp.geometry import TILE, Flat, View, alpha_at
from splatseg.raster.warp.lists import Prepared
from splatseg.raster.warp.runtime import array, launch
from splatseg.raster.warp.walks import float_vector


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


@wp.kernel(enable_backward=False)
def _weigh(
    view: View,
    flat: wp.array(dtype=Flat),
    owners: wp.array(dtype=int),
    slots: wp.array(dtype=int),
    starts: wp.array(dtype=int),
    pixels: wp.array(dtype=wp.vec2i),
    indptr: wp.array(dtype=wp.int64),
    columns: wp.array(dtype=int),
    weights: wp.array(dtype=float),
    counts: wp.array(dtype=wp.int64),
):
    """Count the Gaussians of each pixel, or, where the columns are given, write them."""
    i = wp.tid()
    x, y = pixels[i][0], pixels[i][1]
    tile = (y // TILE) * view.tiles_x + x // TILE
    through, found = float(1.0), wp.int64(0)
    for entry in range(starts[tile], starts[tile + 1]):
        alpha = alpha_at(view, flat[owners[entry]], float(x) + 0.5, float(y) + 0.5)
        if alpha > 0.0:
            after = through * (1.0 - alpha)
            if after <= view.transmittance_min:
                break
            if columns:
                columns[indptr[i] + found] = owners[entry]
                weights[indptr[i] + found] = alpha * through
            found = found + wp.int64(1)
            through = after
    counts[i] = found


def pixel_weights(prepared: Prepared, pixels: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return the weights at pixels (P,2) int64 (x, y), by rows: (P+1,) int64, columns (nnz,) int32, weights (nnz,)."""
    device, places = pixels.device, array(pixels.int(), wp.vec2i)
    counts = torch.zeros(len(pixels), dtype=torch.int64, device=device)
    launch(_weigh, len(pixels), [*prepared.lists, places, None, None, None, array(counts)], device)
    indptr = torch.cat([counts.new_zeros(1), counts.cumsum(0)])
    columns = torch.empty(int(indptr[-1]), dtype=torch.int32, device=device)
    weights = torch.empty(len(columns), device=device)
    if len(columns):
        written = [array(indptr), array(columns), array(weights)]
        launch(_weigh, len(pixels), [*prepared.lists, places, *written, array(counts)], device)
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
        launch(_multiplier(dense.shape[1]), len(out), inputs, dense.device)
    return out


@functools.cache
def _multiplier(channels: int) -> Any:
    kind = float_vector(channels)

    @wp.kernel(enable_backward=False, module="unique")
    def kernel(
        indptr: wp.array(dtype=wp.int64),
        columns: wp.array(dtype=int),
        weights: wp.array(dtype=float),
        dense: wp.array(dtype=kind),
        out: wp.array(dtype=kind),
    ):
        row = wp.tid()
        total = kind(0.0)
        entry = indptr[row] + wp.int64(0)
        while entry < indptr[row + 1]:
            total += weights[entry] * dense[columns[entry]]
            entry += wp.int64(1)
        out[row] = total

    return kernel
