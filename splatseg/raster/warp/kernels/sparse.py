"""Weights at sampled pixels, and products with sparse matrices."""

import functools
from typing import Any

import warp as wp

from splatseg.raster.warp.kernels.projection import TILE, Lists, View, alpha_at
from splatseg.raster.warp.kernels.walking import float_vector


@wp.kernel(enable_backward=False)
def weigh(
    view: View,
    lists: Lists,
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
    for entry in range(lists.starts[tile], lists.starts[tile + 1]):
        alpha = alpha_at(view, lists.flat[lists.owners[entry]], float(x) + 0.5, float(y) + 0.5)
        if alpha > 0.0:
            after = through * (1.0 - alpha)
            if after <= view.transmittance_min:
                break
            if columns:
                columns[indptr[i] + found] = lists.owners[entry]
                weights[indptr[i] + found] = alpha * through
            found = found + wp.int64(1)
            through = after
    counts[i] = found


@functools.cache
def multiplier(channels: int) -> Any:
    """Return the kernel of products of a sparse matrix by dense rows of so many channels."""
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
