"""Sums over a tile's pixels for each Gaussian, 16 at a time, and over the tiles of a Gaussian."""

import functools
from typing import Any

import warp as wp

from splatseg.raster.warp.kernels.projection import Flat, Lists, View, alpha_at, pixel_of
from splatseg.raster.warp.kernels.walking import PLAIN_PRODUCTS, THREADS, float_vector

AT_ONCE = 16
"""Gaussians whose sums a tile takes in one product."""

Batch = wp.types.vector(length=AT_ONCE, dtype=wp.float32)


@functools.cache
def gatherer(channels: int) -> Any:
    """Return the kernel that adds up each Gaussian's slots in order."""
    kind = float_vector(channels)

    @wp.kernel(enable_backward=False, module="unique")
    def kernel(
        order: wp.array(dtype=int),
        ends: wp.array(dtype=wp.int64),
        said: wp.array(dtype=kind),
        sums: wp.array(dtype=kind),
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
    """Return the weights of the next entries of a batch at a pixel, the light behind them, and whether it goes on."""
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
def spreader(channels: int) -> Any:
    """Return the kernel that sums values of so many channels by weight, tile by tile, into slots."""
    kind = float_vector(channels)

    @wp.kernel(enable_backward=False, module="unique", module_options=PLAIN_PRODUCTS)
    def kernel(
        view: View,
        lists: Lists,
        values: wp.array(dtype=kind),
        said: wp.array2d(dtype=float),
    ):
        tile, lane = wp.tid()
        x, y = pixel_of(view, tile, lane)
        first, last = lists.starts[tile], lists.starts[tile + 1]
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
                own = lists.flat[lists.owners[batch + lane]]
                slot = lists.slots[batch + lane]
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
