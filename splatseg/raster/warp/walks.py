"""The one loop over the weights along a pixel, front to back, and the operations that need nothing else.

A block of threads walks the list of a tile, each thread for a pixel: it reads Gaussians together, a batch at a time,
and hands each weight to a visitor.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from splatseg.raster.warp.kernels import summing, walking
from splatseg.raster.warp.lists import Prepared
from splatseg.raster.warp.runtime import SCALARS, array, launch_tiles

WIDTHS = (1, 4, 8, 16, 20, 32)
"""Numbers of channels that there are kernels for; others are rounded up, above the last in several rounds."""


def widest_on(device: torch.device) -> int:
    """Return the most channels that a device takes at once: so many that a block's tiles fit into its shared memory."""
    if device.type == "cpu":
        return WIDTHS[-1]
    properties = torch.cuda.get_device_properties(device)
    # Older releases of torch tell only what a block has without asking for more.
    return widest_within(getattr(properties, "shared_memory_per_block_optin", properties.shared_memory_per_block))


def widest_within(shared: int) -> int:
    """Return the most channels whose gradient a block computes within so many bytes of shared memory.

    The least number is taken even if it does not fit: then Warp says so.
    """
    fitting = [width for width in WIDTHS if shared_bytes(width) <= shared]
    return fitting[-1] if fitting else WIDTHS[0]


def shared_bytes(channels: int) -> int:
    """Return the shared memory, bytes, that a block takes for the gradient of so many channels, a little rounded up."""
    # The tiles of kernels.gradient: Gaussians, features and slots of a batch, gradients of pixels and powers of their
    # places, weights and slopes of the Gaussians at once, and their sums.
    threads, at_once = walking.THREADS, summing.AT_ONCE
    a_thread = 6 + channels + 1 + channels + 6 + 2 * at_once
    return 4 * (threads * a_thread + at_once * (channels + 6)) + 1024


def walk(prepared: Prepared, visitor: Any, values: Tensor, states: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Let a visitor see all weights of all pixels; return alphas, transmittances and numbers of entries walked, (H,W).

    visitor: a function of Warp, (state, value of the Gaussian, weight) -> state.
    values (N,) float32 or int32, or (N,C) float32; states (H,W,C) float32, changed in place.
    """
    alphas, behind = states.new_zeros(prepared.shape), states.new_ones(prepared.shape)
    walked = torch.zeros(prepared.shape, dtype=torch.int32, device=states.device)
    if len(prepared.owners):
        value_type = walking.float_vector(values.shape[1]) if values.ndim > 1 else SCALARS[values.dtype]
        state_type = walking.float_vector(states.shape[2])
        kernel = walking.walker(visitor, value_type, state_type)
        found = [array(part.flatten()) for part in (alphas, behind, walked)]
        inputs = [*prepared.lists, array(values, value_type), array(states.flatten(0, 1), state_type), *found]
        launch_tiles(kernel, prepared.tiles, walking.THREADS, inputs, states.device)
    return alphas, behind, walked


def blend(prepared: Prepared, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Blend features (N,C), C one of WIDTHS: (H,W,C), and what `walk` returns."""
    states = features.new_zeros(*prepared.shape, features.shape[1])
    return states, *walk(prepared, walking.add, features, states)


def levels(prepared: Prepared, given: Tensor, count: int, share: float) -> Tensor:
    """Return the highest level visible at each pixel (see `interface.rasterize_levels`), (H,W) uint8."""
    # What is visible falls as the level rises, so the highest is found by halving, pixel by pixel.
    given = given.int()
    visible = torch.zeros(prepared.shape, dtype=torch.int32, device=given.device)
    hidden = torch.full_like(visible, count + 1)
    for _ in range(count.bit_length()):
        middle = (visible + hidden) // 2
        states = torch.stack([middle.float(), torch.zeros_like(middle, dtype=torch.float32)], -1)
        walk(prepared, walking.add_from_level, given, states)
        enough = (states[..., 1] > share) & (middle > visible)
        visible, hidden = middle.where(enough, visible), hidden.where(enough, middle.clamp(min=1))
    return visible.to(torch.uint8)


def labels(prepared: Prepared, given: Tensor, count: int) -> Tensor:
    """Return the label that makes up most of each pixel (see `interface.rasterize_labels`), (H,W) int32."""
    best = torch.zeros(prepared.shape, dtype=torch.int32, device=given.device)
    most: Tensor | None = None
    for base in range(0, count + 1, walking.LABELS_AT_ONCE):
        states = torch.zeros(*prepared.shape, walking.LABELS_AT_ONCE + 1, device=given.device)
        states[..., 0] = base
        alphas, _, _ = walk(prepared, walking.add_to_label, given, states)
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
    walk(prepared, walking.add_between, values, states)
    light = states[..., 0].clamp(0.25, 0.75) - 0.25
    return states[..., 1].where(light > 0, 0.0) / light.where(light > 0, 1.0)
