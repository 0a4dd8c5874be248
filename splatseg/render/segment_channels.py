"""Packing of segments into few channels: segments that do not meet in the picture are blended in one channel.

Alphabet: N Gaussians, H x W pixels cut into Ty x Tx cells of CELL x CELL pixels, S segments seen, C channels. Two
segments may share a channel if no cell is reached by both; then (channel, cell) identifies the segment of a blended
value. It is a colouring of the graph of segments that meet, done greedily, the heaviest first (Welsh and Powell 1967):
hundreds of segments fit into some tens of channels, and each blended value is exactly that of its segment alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splatseg.cameras.camera import Camera

CELL = 16
"""Side of a cell in pixels. Smaller cells pack tighter and cost more to pack."""

FEW = 16
"""Up to this number of segments each gets a channel of its own: packing them would cost more than it saves."""


@dataclass(frozen=True, eq=False)
class Channels:
    """Segments packed into channels."""

    count: int
    """Number of channels, C."""
    channel_of: np.ndarray
    """(N,) int64, the channel of each Gaussian, -1 = none."""
    owners: np.ndarray
    """(C,Ty,Tx) int32, the id that a channel holds in a cell, 0 = none."""

    def ids(self, channel: np.ndarray) -> np.ndarray:
        """Return the segment ids (H,W) int32 of every pixel's channel (H,W); 0 where that channel is empty."""
        rows, columns = (np.arange(length) // CELL for length in channel.shape)
        ids: np.ndarray = self.owners[channel, rows[:, None], columns[None]]
        return ids


def pack_segments(camera: Camera, means: np.ndarray, radii: np.ndarray, ids: np.ndarray, seen: np.ndarray) -> Channels:
    """Give every segment a channel.

    means (N,3) world; radii (N,) px, the largest distance that a Gaussian reaches from its centre on screen; ids (N,)
    int, 0 = none; seen (N,) the sum of its blending weights: Gaussians that are not seen take no place.
    """
    shown = np.flatnonzero((seen > 0) & (ids != 0) & (radii > 0))
    unique, segment = np.unique(ids[shown], return_inverse=True)
    if len(unique) <= FEW:
        each = np.arange(len(unique), dtype=np.int64)
        owners = np.broadcast_to(unique.astype(np.int32)[:, None, None], (len(unique), *_cells(camera)))
        return Channels(len(unique), _scattered(each[segment], shown, len(ids)), owners)
    reached = _cells_reached(camera, means[shown], radii[shown], segment, len(unique))
    heaviest_first = np.argsort(-np.bincount(segment, seen[shown], len(unique)), kind="stable")

    # taken[c] is the id that channel c holds in every cell, 0 = free; its used rows become `owners`.
    taken = np.zeros((len(unique), *reached.shape[1:]), dtype=np.int32)
    channel_of_segment = np.zeros(len(unique), dtype=np.int64)
    count = 0
    for number in heaviest_first:
        # The first channel that is free in all cells of the segment; argmin of booleans is the first false.
        conflicts = (taken[:count, reached[number]] != 0).any(1)
        channel = int(conflicts.argmin()) if not conflicts.all() else count
        taken[channel][reached[number]] = unique[number]
        channel_of_segment[number] = channel
        count = max(count, channel + 1)

    return Channels(count, _scattered(channel_of_segment[segment], shown, len(ids)), taken[:count])


def _scattered(channels: np.ndarray, shown: np.ndarray, count: int) -> np.ndarray:
    channel_of = np.full(count, -1, dtype=np.int64)
    channel_of[shown] = channels
    return channel_of


def _cells(camera: Camera) -> tuple[int, int]:
    return -(-camera.height // CELL), -(-camera.width // CELL)


def _cells_reached(
    camera: Camera, means: np.ndarray, radii: np.ndarray, segment: np.ndarray, segments: int
) -> np.ndarray:
    """Return (S,Ty,Tx) bool: cells that the box around any Gaussian of a segment touches."""
    tall, wide = _cells(camera)
    pixels, _ = camera.project(means.astype(np.float64))
    # One pixel more on each side: the rasteriser projects in float32.
    reach = radii[:, None] + 1.0
    last = np.array([wide - 1, tall - 1])
    low = np.clip(np.floor((pixels - reach) / CELL), 0, last).astype(np.int64)
    high = np.clip(np.floor((pixels + reach) / CELL), 0, last).astype(np.int64)
    # A box adds +1 and -1 at its corners, and running sums over rows and columns turn these into the number of boxes
    # over each cell, so the cost of a Gaussian does not depend on its size. One more row and column take the -1 of
    # boxes that end at the border.
    shape = (segments, tall + 1, wide + 1)
    corners = np.zeros(shape, dtype=np.int64)
    for y, x, sign in (
        (low[:, 1], low[:, 0], 1),
        (low[:, 1], high[:, 0] + 1, -1),
        (high[:, 1] + 1, low[:, 0], -1),
        (high[:, 1] + 1, high[:, 0] + 1, 1),
    ):
        flat = np.ravel_multi_index((segment, y, x), shape)
        corners += sign * np.bincount(flat, minlength=corners.size).reshape(shape)
    return corners.cumsum(1).cumsum(2)[:, :tall, :wide] > 0
