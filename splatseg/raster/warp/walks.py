"""The one loop over the weights along a pixel, front to back, and the operations that need nothing else.

A block of threads walks the list of a tile, each thread for a pixel: it reads Gaussians together, a batch at a time, and
hands each weight to a visitor.
"""

import functools
from collections.abc import Callable
from typing import Any

import torch
import warp as wp
from torch import Tensor

from splatseg.raster.warp.geometry import TILE, Flat, View, alpha_at
from splatseg.raster.warp.lists import Prepared
from splatseg.raster.warp.runtime import array, launch_tiles

THREADS = TILE * TILE

WIDTHS = (1, 4, 8, 16, 20, 32)
"""Numbers of channels that there are kernels for: others are rounded up, and above the last blended in several rounds."""

Pair = wp.types.vector(length=2, dtype=wp.float32)

LABELS_AT_ONCE = 16
"""Labels that a pixel weighs in one walk."""

Tally = wp.types.vector(length=LABELS_AT_ONCE + 1, dtype=wp.float32)


def walk(prepared: Prepared, visitor: Any, values: Tensor, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Let a visitor see all weights of all pixels; return alphas, transmittances and numbers of entries walked, (H,W).

    visitor: a function of Warp, (state, value of the Gaussian, weight) -> state.
    values (N,) float32 or int32, or (N,C) float32; states (H,W,C) float32, changed in place.
    """
    alphas, behind = states.new_zeros(prepared.shape), states.new_ones(prepared.shape)
    walked = torch.zeros(prepared.shape, dtype=torch.int32, device=states.device)
    if len(prepared.owners):
        value_type = float_vector(values.shape[1]) if values.ndim > 1 else SCALARS[values.dtype]
        state_type = float_vector(states.shape[2])
        kernel = _walker(visitor, value_type, state_type)
        found = [array(part.flatten()) for part in (alphas, behind, walked)]
        inputs = [*prepared.lists, array(values, value_type), array(states.flatten(0, 1), state_type), *found]
        launch_tiles(kernel, prepared.tiles, THREADS, inputs, states.device)
    return alphas, behind, walked


def blend(prepared: Prepared, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Blend features (N,C), C one of WIDTHS: (H,W,C), and what `walk` returns."""
    states = features.new_zeros(*prepared.shape, features.shape[1])
    return states, *walk(prepared, _add, features, states)


def levels(prepared: Prepared, given: Tensor, count: int, share: float) -> Tensor:
    """Return the highest level visible at each pixel (see `interface.rasterize_levels`), (H,W) uint8."""
    # What is visible falls as the level rises, so the highest is found by halving, pixel by pixel.
    given = given.int()
    visible = torch.zeros(prepared.shape, dtype=torch.int32, device=given.device)
    hidden = torch.full_like(visible, count + 1)
    for _ in range(count.bit_length()):
        middle = (visible + hidden) // 2
        states = torch.stack([middle.float(), torch.zeros_like(middle, dtype=torch.float32)], -1)
        walk(prepared, _add_from_level, given, states)
        enough = (states[..., 1] > share) & (middle > visible)
        visible, hidden = middle.where(enough, visible), hidden.where(enough, middle.clamp(min=1))
    return visible.to(torch.uint8)


def labels(prepared: Prepared, given: Tensor, count: int) -> Tensor:
    """Return the label that makes up most of each pixel (see `interface.rasterize_labels`), (H,W) int32."""
    best = torch.zeros(prepared.shape, dtype=torch.int32, device=given.device)
    most: Tensor | None = None
    for base in range(0, count + 1, LABELS_AT_ONCE):
        states = torch.zeros(*prepared.shape, LABELS_AT_ONCE + 1, device=given.device)
        states[..., 0] = base
        alphas, _, _ = walk(prepared, _add_to_label, given, states)
        sums = states[..., 1:]
        if base == 0:
            sums[..., 0] += 1 - alphas
        here = sums.amax(-1)
        # The first of equals, within a round and between rounds.
        label = (sums == here[..., None]).int().argmax(-1).int() + base
        better = torch.ones_like(best, dtype=torch.bool) if most is None else here > most
        best = label.where(better, best)
        most = here if most is None else here.maximum(most)
    return best


def middles(prepared: Prepared, values: Tensor) -> Tensor:
    """Return the mean of values over the middle of each pixel's light (see `interface.rasterize_middle`), (H,W)."""
    states = values.new_zeros(*prepared.shape, 2)
    walk(prepared, _add_between, values, states)
    light = states[..., 0].clamp(0.25, 0.75) - 0.25
    return states[..., 1].where(light > 0, 0.0) / light.where(light > 0, 1.0)


SCALARS = {torch.float32: wp.float32, torch.int32: wp.int32}
"""Types of Warp by those of torch."""


@functools.cache
def float_vector(length: int) -> Any:
    """Return the type of vectors of a length."""
    return wp.types.vector(length=length, dtype=wp.float32)


@wp.func
def _add(state: Any, value: Any, weight: float):
    return state + weight * value


@wp.func
def _add_from_level(state: Pair, value: int, weight: float):
    if value >= int(state[0]):
        state[1] = state[1] + weight
    return state


@wp.func
def _add_to_label(state: Tally, value: int, weight: float):
    place = value - int(state[0])
    if place >= 0 and place < LABELS_AT_ONCE:
        state[place + 1] = state[place + 1] + weight
    return state


@wp.func
def _add_between(state: Pair, value: float, weight: float):
    before = wp.clamp(state[0], 0.25, 0.75)
    light = state[0] + weight
    return Pair(light, state[1] + value * (wp.clamp(light, 0.25, 0.75) - before))


@functools.cache
def _walker(visitor: Callable[..., Any], carried: Any, kept: Any) -> Any:
    @wp.kernel(enable_backward=False, module="unique")
    def kernel(
        view: View,
        flat: wp.array(dtype=Flat),
        owners: wp.array(dtype=int),
        slots: wp.array(dtype=int),
        starts: wp.array(dtype=int),
        values: wp.array(dtype=carried),
        states: wp.array(dtype=kept),
        alphas: wp.array(dtype=float),
        behind: wp.array(dtype=float),
        walked: wp.array(dtype=int),
    ):
        tile, lane = wp.tid()
        x = (tile % view.tiles_x) * TILE + lane % TILE
        y = (tile // view.tiles_x) * TILE + lane // TILE
        inside = x < view.width and y < view.height
        pixel = y * view.width + x
        first, last = starts[tile], starts[tile + 1]
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
                own = flat[owners[batch + lane]]
                value = values[owners[batch + lane]]
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
