"""Sums over pixels for each Gaussian: the transpose of blending, and the whole gradient.

A tile sums what its pixels say of 16 Gaussians at a time, as a product of matrices: weights (16, pixels) by values
(pixels, channels). Each sum goes to a slot of its own, and a Gaussian's slots are added up in order: no atomics, so the
same input gives the same bits, on a card, too.

The gradient by geometry needs sums of G = dL/dsigma and of G times the pixel's place and its products, which again is a
product of matrices; moments about the tile's middle are moved to the Gaussian's mean afterwards.
"""

import functools
from typing import Any

import torch
import warp as wp
from torch import Tensor

from splatseg.raster.warp.geometry import TILE, Flat, View, alpha_at
from splatseg.raster.warp.lists import Prepared
from splatseg.raster.warp.runtime import array, launch, launch_tiles
from splatseg.raster.warp.walks import THREADS, float_vector

AT_ONCE = 16
"""Gaussians whose sums a tile takes in one product."""

Batch = wp.types.vector(length=AT_ONCE, dtype=wp.float32)
Moments = wp.types.vector(length=6, dtype=wp.float32)


def accumulate(prepared: Prepared, values: Tensor) -> Tensor:
    """Sum values (H,W,C) by blending weight: (N,C)."""
    channels = values.shape[2]
    device = values.device
    said = values.new_zeros(len(prepared.owners), channels)
    kernel = _spreader(channels)
    inputs = [*prepared.lists, array(values.flatten(0, 1), float_vector(channels)), array(said)]
    launch_tiles(kernel, prepared.tiles, THREADS, inputs, device)
    return gather(prepared, said)


def gather(prepared: Prepared, said: Tensor) -> Tensor:
    """Add up each Gaussian's slots (E,C) in order: (N,C)."""
    channels = said.shape[1]
    sums = said.new_empty(len(prepared.order), channels)
    kernel, kind = _gatherer(channels), float_vector(channels)
    inputs = [array(prepared.order), array(prepared.ends), array(said, kind), array(sums, kind)]
    launch(kernel, len(prepared.order), inputs, said.device)
    return sums


def blend_gradients(
    prepared: Prepared, features: Tensor, behind: Tensor, walked: Tensor, by_blended: Tensor, by_alphas: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradients by features (N,C) and by Gaussians on screen (N,6).

    features (N,C); behind, walked: transmittances and numbers of entries (H,W) of the forward; by_blended (H,W,C) and
    by_alphas (H,W): gradients of the loss.
    """
    channels, entries = features.shape[1], len(prepared.owners)
    kind = float_vector(channels)
    said, moments = features.new_zeros(entries, channels), features.new_zeros(entries, 6)
    inputs = [*prepared.lists, array(features, kind), array(behind.flatten()), array(walked.flatten())]
    inputs += [array(by_blended.flatten(0, 1), kind), array(by_alphas.flatten()), array(said), array(moments)]
    launch_tiles(_differentiator(channels), prepared.tiles, THREADS, inputs, features.device)
    return gather(prepared, said), gather(prepared, moments)


@functools.cache
def _gatherer(channels: int) -> Any:
    kind = float_vector(channels)

    @wp.kernel(enable_backward=False, module="unique")
    def kernel(
        order: wp.array(dtype=int), ends: wp.array(dtype=wp.int64), said: wp.array(dtype=kind), sums: wp.array(dtype=kind)
    ):
        rank = wp.tid()
        begin = int(0)
        if rank > 0:
            begin = int(ends[rank - 1])
        total = kind(0.0)
        for slot in range(begin, int(ends[rank])):
            total += said[slot]
        sums[order[rank]] = total

    return kernel


@wp.func
def next_weights(view: View, shared: Any, part: int, count: int, x: int, y: int, through: float, going: int):
    """Return the weights at a pixel of the next entries of a batch; what is left of its light, and whether it goes on."""
    weights = Batch(0.0)
    # Parameters of a function of Warp are not to be assigned: these are copies.
    light, goes = float(through), int(going)
    for j in range(AT_ONCE):
        if goes == 1 and part + j < count:
            alpha = alpha_at(view, shared[part + j], float(x) + 0.5, float(y) + 0.5)
            if alpha > 0.0:
                after = light * (1.0 - alpha)
                if after <= view.transmittance_min:
                    goes = int(0)
                else:
                    weights[j] = alpha * light
                    light = after
    return weights, light, goes


@functools.cache
def _spreader(channels: int) -> Any:
    kind = float_vector(channels)

    @wp.kernel(enable_backward=False, module="unique")
    def kernel(
        view: View,
        flat: wp.array(dtype=Flat),
        owners: wp.array(dtype=int),
        slots: wp.array(dtype=int),
        starts: wp.array(dtype=int),
        values: wp.array(dtype=kind),
        said: wp.array2d(dtype=float),
    ):
        tile, lane = wp.tid()
        x = (tile % view.tiles_x) * TILE + lane % TILE
        y = (tile // view.tiles_x) * TILE + lane // TILE
        first, last = starts[tile], starts[tile + 1]
        through = float(1.0)
        going = int(0)
        value = kind(0.0)
        if x < view.width and y < view.height:
            going = 1
            value = values[y * view.width + x]
        table = wp.tile_transpose(wp.tile(value))
        for batch in range(first, last, THREADS):
            own = Flat()
            slot = int(0)
            if batch + lane < last:
                own = flat[owners[batch + lane]]
                slot = slots[batch + lane]
            shared = wp.tile(own, preserve_type=True)
            shared[0]  # only what a kernel reads itself lies where its functions can read it, too
            places = wp.tile(slot)
            count = wp.min(last - batch, THREADS)
            for part in range(0, count, AT_ONCE):
                weights, through, going = next_weights(view, shared, part, count, x, y, through, going)
                sums = wp.tile_matmul(wp.tile(weights), table)
                for item in range(lane, AT_ONCE * channels, THREADS):
                    row = item // channels
                    if part + row < count:
                        said[places[part + row], item % channels] = sums[row, item % channels]
            left = wp.tile_sum(wp.tile(going))
            if left[0] == 0:
                break

    return kernel


@functools.cache
def _differentiator(channels: int) -> Any:
    kind = float_vector(channels)

    @wp.kernel(enable_backward=False, module="unique")
    def kernel(
        view: View,
        flat: wp.array(dtype=Flat),
        owners: wp.array(dtype=int),
        slots: wp.array(dtype=int),
        starts: wp.array(dtype=int),
        features: wp.array(dtype=kind),
        behind: wp.array(dtype=float),
        walked: wp.array(dtype=int),
        by_blended: wp.array(dtype=kind),
        by_alphas: wp.array(dtype=float),
        said: wp.array2d(dtype=float),
        moments: wp.array2d(dtype=float),
    ):
        tile, lane = wp.tid()
        x = (tile % view.tiles_x) * TILE + lane % TILE
        y = (tile // view.tiles_x) * TILE + lane // TILE
        first = starts[tile]
        through, by_alpha = float(1.0), float(0.0)
        seen = int(0)
        wanted = kind(0.0)
        if x < view.width and y < view.height:
            pixel = y * view.width + x
            through = behind[pixel]
            seen = walked[pixel]
            wanted = by_blended[pixel]
            by_alpha = by_alphas[pixel]
        table = wp.tile_transpose(wp.tile(wanted))
        # About the tile's middle, so that products of places stay small.
        px = float(lane % TILE) - 0.5 * float(TILE - 1)
        py = float(lane // TILE) - 0.5 * float(TILE - 1)
        middle_x = float((tile % view.tiles_x) * TILE) + 0.5 * float(TILE)
        middle_y = float((tile // view.tiles_x) * TILE) + 0.5 * float(TILE)
        products = wp.tile_transpose(wp.tile(Moments(1.0, px, py, px * px, px * py, py * py)))
        farthest = wp.tile_max(wp.tile(seen))
        last = first + farthest[0]
        # What lies behind, as the gradient sees it: from the back every sum starts at nothing and cancels nothing.
        beyond = float(0.0)
        for turn in range((last - first + THREADS - 1) // THREADS):
            # Batches are counted from the back; lane 0 has the hindmost entry.
            hindmost = last - 1 - turn * THREADS
            own = Flat()
            feature = kind(0.0)
            slot = int(0)
            if hindmost - lane >= first:
                own = flat[owners[hindmost - lane]]
                feature = features[owners[hindmost - lane]]
                slot = slots[hindmost - lane]
            shared = wp.tile(own, preserve_type=True)
            carriage = wp.tile(feature, preserve_type=True)
            places = wp.tile(slot)
            count = wp.min(hindmost + 1 - first, THREADS)
            for part in range(0, count, AT_ONCE):
                weights, by_sigmas = Batch(0.0), Batch(0.0)
                for j in range(AT_ONCE):
                    if part + j < count and hindmost - part - j - first < seen:
                        gaussian = shared[part + j]
                        alpha = alpha_at(view, gaussian, float(x) + 0.5, float(y) + 0.5)
                        if alpha > 0.0:
                            through = through / (1.0 - alpha)
                            gain = wp.dot(carriage[part + j], wanted) + by_alpha
                            weights[j] = alpha * through
                            slope = through * gain - beyond / (1.0 - alpha)
                            beyond += alpha * through * gain
                            if alpha < view.alpha_max:  # a clamped alpha passes no gradient
                                by_sigmas[j] = -alpha * slope
                sums = wp.tile_matmul(wp.tile(weights), table)
                for item in range(lane, AT_ONCE * channels, THREADS):
                    row = item // channels
                    if part + row < count:
                        said[places[part + row], item % channels] = sums[row, item % channels]
                raw = wp.tile_matmul(wp.tile(by_sigmas), products)
                if lane < AT_ONCE and part + lane < count:
                    g = shared[part + lane]
                    ux, uy = g[0] - middle_x, g[1] - middle_y
                    m, mx, my = raw[lane, 0], raw[lane, 1], raw[lane, 2]
                    place = places[part + lane]
                    # With d = place of the pixel - mean: sums of G d_x, G d_y, then of their products.
                    dx, dy = mx - ux * m, my - uy * m
                    moments[place, 0] = -(g[2] * dx + g[3] * dy)
                    moments[place, 1] = -(g[3] * dx + g[4] * dy)
                    moments[place, 2] = 0.5 * (raw[lane, 3] - 2.0 * ux * mx + ux * ux * m)
                    moments[place, 3] = raw[lane, 4] - ux * my - uy * mx + ux * uy * m
                    moments[place, 4] = 0.5 * (raw[lane, 5] - 2.0 * uy * my + uy * uy * m)
                    moments[place, 5] = -m / g[5]

    return kernel
