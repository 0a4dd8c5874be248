"""Warp as all kernels need it: settings, tensors as arrays, launches on torch's own stream.

Kernels of this folder are compiled by Warp itself when they are first used, for the processor or the card, and kept in
its cache. Modules with kernels do without postponed annotations, which Warp cannot resolve within a function.
"""

from __future__ import annotations

import contextlib
import functools
import math
from collections.abc import Iterator, Sequence
from typing import Any

import torch
import warp as wp
from torch import Tensor

wp.config.log_level = wp.LOG_ERROR
# On the processor blocks have one thread unless this is set, and then no kernel here could share a tile.
wp.config.enable_cpu_blocks = True
wp.init()


SCALARS = {torch.float32: wp.float32, torch.int32: wp.int32}
"""Types of Warp by those of torch."""


def array(tensor: Tensor, dtype: Any = None) -> Any:
    """Return a contiguous tensor as an array of Warp, without a copy; None, which kernels take for no array, if empty.

    dtype: a vector type takes the last axis of the tensor; None keeps the tensor's own type.
    """
    if not tensor.numel():
        return None
    # torch lets an axis of length 1 have any stride, Warp does not.
    strides = [math.prod(tensor.shape[axis + 1 :]) for axis in range(tensor.ndim)]
    tensor = tensor.detach().as_strided(tensor.shape, strides)
    return wp.from_torch(tensor, dtype=dtype, requires_grad=False)


@contextlib.contextmanager
def on_stream(device: torch.device) -> Iterator[None]:
    """Run what is launched within on torch's current stream, so that neither waits for the other."""
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.current_stream(device)
    with wp.ScopedStream(_warp_stream(stream.cuda_stream, stream), sync_enter=False):
        yield


@functools.lru_cache(maxsize=16)
def _warp_stream(handle: int, stream: torch.cuda.Stream) -> Any:
    # Kept, since a step launches a dozen kernels; the handle tells streams apart that torch calls equal.
    return wp.stream_from_torch(stream)


def launch(kernel: Any, dim: int, inputs: Sequence[Any], device: torch.device) -> None:
    """Run a kernel with a thread for each of `dim` items."""
    if dim:
        with on_stream(device):
            wp.launch(kernel, dim=dim, inputs=list(inputs), device=wp.device_from_torch(device))


def launch_adjoint(
    kernel: Any,
    dim: int,
    inputs: list[Any],
    outputs: list[Any],
    by_inputs: list[Any],
    by_outputs: list[Any],
    device: torch.device,
) -> None:
    """Run the gradient of a kernel, which Warp derives: it adds to by_inputs what follows from by_outputs."""
    if dim:
        place = wp.device_from_torch(device)
        with on_stream(device):
            wp.launch(
                kernel, dim, inputs, outputs, adj_inputs=by_inputs, adj_outputs=by_outputs, device=place, adjoint=True
            )


def launch_tiles(kernel: Any, tiles: int, threads: int, inputs: Sequence[Any], device: torch.device) -> None:
    """Run a kernel with a block of threads for each tile."""
    if tiles:
        place = wp.device_from_torch(device)
        with on_stream(device):
            wp.launch_tiled(kernel, dim=[tiles], inputs=list(inputs), device=place, block_dim=threads)


def sort_pairs(keys: Tensor, values: Tensor, bits: int = 32) -> tuple[Tensor, Tensor]:
    """Return 32-bit keys (E,) in ascending order, and values (E,) int32 in the order of their keys; equals keep theirs.

    bits: number of low bits of the keys that differ.
    """
    count = len(keys)
    # The sort needs as much room again behind each.
    room = [torch.cat([part, torch.empty_like(part)]) for part in (keys, values)]
    with on_stream(keys.device):
        if count:
            wp.utils.radix_sort_pairs(array(room[0]), array(room[1]), count, 0, bits)
    return room[0][:count], room[1][:count]
