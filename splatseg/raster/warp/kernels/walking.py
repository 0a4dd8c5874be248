"""The one loop over the weights along a pixel, front to back, which hands each weight to a visitor."""

import functools
from collections.abc import Callable
from typing import Any

import warp as wp

from splatseg.raster.warp.kernels.projection import TILE, Flat, Lists, View, alpha_at, pixel_of

THREADS = TILE * TILE
"""Threads of a block, one for each pixel of a tile."""

PLAIN_PRODUCTS = {"enable_mathdx_gemm": False}
"""Options of kernels with products of tiles: Warp's own compile in a second, those of cuBLASDx in half a minute."""

Pair = wp.types.vector(length=2, dtype=wp.float32)

LABELS_AT_ONCE = 16
"""Labels that a pixel weighs in one walk."""

Tally = wp.types.vector(length=LABELS_AT_ONCE + 1, dtype=wp.float32)


@functools.cache
def float_vector(length: int) -> Any:
    """Return the type of vectors of a length."""
    return wp.types.vector(length=length, dtype=wp.float32)


@wp.func
def add(state: Any, value: Any, weight: float):
    """Blend."""
    return state + weight * value


@wp.func
def add_from_level(state: Pair, value: int, weight: float):
    """Add up the weights of all from a level on; state: level, sum."""
    if value >= int(state[0]):
        state[1] = state[1] + weight
    return state


@wp.func
def add_to_label(state: Tally, value: int, weight: float):
    """Add up the weights of each label; state: first of the labels, a sum for each."""
    place = value - int(state[0])
    if place >= 0 and place < LABELS_AT_ONCE:
        state[place + 1] = state[place + 1] + weight
    return state


@wp.func
def add_between(state: Pair, value: float, weight: float):
    """Add up values by the share of their light between 1/4 and 3/4; state: light so far, sum."""
    before = wp.clamp(state[0], 0.25, 0.75)
    light = state[0] + weight
    return Pair(light, state[1] + value * (wp.clamp(light, 0.25, 0.75) - before))


@functools.cache
def walker(visitor: Callable[..., Any], carried: Any, kept: Any) -> Any:
    """Return the kernel that walks with a visitor, for a type of values of Gaussians and one of states of pixels."""

    @wp.kernel(enable_backward=False, module="unique")
    def kernel(
        view: View,
        lists: Lists,
        values: wp.array(dtype=carried),
        states: wp.array(dtype=kept),
        alphas: wp.array(dtype=float),
        behind: wp.array(dtype=float),
        walked: wp.array(dtype=int),
    ):
        tile, lane = wp.tid()
        x, y = pixel_of(view, tile, lane)
        inside = x < view.width and y < view.height
        pixel = y * view.width + x
        first, last = lists.starts[tile], lists.starts[tile + 1]
        through, alpha_sum, seen = float(1.0), float(0.0), int(0)
        going = int(0)
        state = states[0]
        if inside:
            going = 1
            state = states[pixel]
        for batch in range(first, last, THREADS):
            own = Flat()
            value = values[0]
            if batch + lane < last:
                own = lists.flat[lists.owners[batch + lane]]
                value = values[lists.owners[batch + lane]]
            shared = wp.tile(own, preserve_type=True)
            carriage = wp.tile(value, preserve_type=True)
            count = wp.min(last - batch, THREADS)
            for j in range(count):
                if going == 1:
                    alpha = alpha_at(view, shared[j], float(x) + 0.5, float(y) + 0.5)
                    if alpha > 0.0:
                        after = through * (1.0 - alpha)
                        if after <= view.transmittance_min:
                            going = int(0)
                        else:
                            weight = alpha * through
                            state = visitor(state, carriage[j], weight)
                            alpha_sum += weight
                            through = after
                            seen = batch + j + 1 - first
            # All of a block's threads meet here, so that none writes over a batch that another still reads.
            left = wp.tile_sum(wp.tile(going))
            if left[0] == 0:
                break
        if inside:
            states[pixel] = state
            alphas[pixel] = alpha_sum
            behind[pixel] = through
            walked[pixel] = seen

    return kernel
