"""Votes: what the label maps of a view say of each Gaussian, in one pass for any number of labels.

A tile has few labels of its own. It numbers them, sums weights by them 16 labels at a time (as in `sums`), and its sums
for each Gaussian and label are added up afterwards, tile by tile in a fixed order.
"""

import torch
import warp as wp
from torch import Tensor

from splatseg.raster.warp.geometry import TILE, Flat, View
from splatseg.raster.warp.lists import Prepared
from splatseg.raster.warp.runtime import array, launch, launch_tiles
from splatseg.raster.warp.sums import AT_ONCE, next_weights
from splatseg.raster.warp.walks import THREADS

LABELS = 16
"""Labels whose sums a tile takes in one walk."""

OneHot = wp.types.vector(length=LABELS, dtype=wp.float32)


def label_sums(prepared: Prepared, label_maps: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sum weights by label: Gaussians (nnz,) int64 ascending, labels - 1 (nnz,) int32 ascending within, sums (nnz,) > 0.

    label_maps (L,H,W) int32, 0..count.
    """
    device = label_maps.device
    numbers, found, firsts = _own_labels(prepared, label_maps, count)
    # A tile's sums are a table: a row for each of its entries, a column for each of its labels.
    widths, lengths = firsts.diff(), prepared.starts.diff().long()
    tables = torch.cat([firsts.new_zeros(1), (widths * lengths).cumsum(0)])
    said = torch.zeros(int(tables[-1]), device=device)
    inputs = [*prepared.lists, array(numbers), array(firsts), array(tables), array(said)]
    if len(said):
        launch_tiles(_count, prepared.tiles, THREADS, inputs, device)
    given = torch.nonzero(said > 0)[:, 0]
    tile = torch.searchsorted(tables, given, right=True) - 1
    row, column = (given - tables[tile]) // widths[tile].clamp(min=1), (given - tables[tile]) % widths[tile].clamp(min=1)
    owner = prepared.owners[prepared.starts[tile].long() + row].long()
    label = found[firsts[tile] + column] - 1
    keys, order = torch.sort(owner * count + label, stable=True)
    sums = said[given][order].contiguous()
    distinct, sizes = torch.unique_consecutive(keys, return_counts=True)
    totals = torch.empty(len(distinct), device=device)
    launch(_add_up, len(distinct), [array(sizes.cumsum(0)), array(sums), array(totals)], device)
    return distinct // max(count, 1), (distinct % max(count, 1)).int(), totals


def _own_labels(prepared: Prepared, label_maps: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Number each tile's labels: (L,H,W) int32, -1 for none; labels, tile by tile; and where each tile's begin (T+1,)."""
    height, width = prepared.shape
    device = label_maps.device
    y, x = torch.arange(height, device=device) // TILE, torch.arange(width, device=device) // TILE
    tile = y[:, None] * prepared.view.tiles_x + x[None, :]
    keys = tile * (count + 1) + label_maps.long()
    distinct = torch.unique(keys[label_maps > 0])
    firsts = torch.searchsorted(distinct, torch.arange(prepared.tiles + 1, device=device) * (count + 1))
    numbers = (torch.searchsorted(distinct, keys) - firsts[tile]).int()
    return numbers.where(label_maps > 0, -1).contiguous(), distinct % (count + 1), firsts


@wp.kernel(enable_backward=False)
def _add_up(ends: wp.array(dtype=wp.int64), parts: wp.array(dtype=float), totals: wp.array(dtype=float)):
    i = wp.tid()
    place = wp.int64(0)
    if i > 0:
        place = ends[i - 1]
    total = float(0.0)
    while place < ends[i]:
        total += parts[place]
        place += wp.int64(1)
    totals[i] = total


@wp.kernel(enable_backward=False, module="unique")
def _count(
    view: View,
    flat: wp.array(dtype=Flat),
    owners: wp.array(dtype=int),
    slots: wp.array(dtype=int),
    starts: wp.array(dtype=int),
    numbers: wp.array3d(dtype=int),
    firsts: wp.array(dtype=wp.int64),
    tables: wp.array(dtype=wp.int64),
    said: wp.array(dtype=float),
):
    tile, lane = wp.tid()
    x = (tile % view.tiles_x) * TILE + lane % TILE
    y = (tile // view.tiles_x) * TILE + lane // TILE
    inside = x < view.width and y < view.height
    first, last = starts[tile], starts[tile + 1]
    labels = int(firsts[tile + 1] - firsts[tile])
    for base in range(0, labels, LABELS):
        through = float(1.0)
        going = int(0)
        own_labels = OneHot(0.0)
        if inside:
            going = 1
            for layer in range(numbers.shape[0]):
                number = numbers[layer, y, x] - base
                if number >= 0 and number < LABELS:
                    own_labels[number] = own_labels[number] + 1.0
        table = wp.tile_transpose(wp.tile(own_labels))
        for batch in range(first, last, THREADS):
            own = Flat()
            if batch + lane < last:
                own = flat[owners[batch + lane]]
            shared = wp.tile(own, preserve_type=True)
            shared[0]  # only what a kernel reads itself lies where its functions can read it, too
            count = wp.min(last - batch, THREADS)
            for part in range(0, count, AT_ONCE):
                weights, through, going = next_weights(view, shared, part, count, x, y, through, going)
                sums = wp.tile_matmul(wp.tile(weights), table)
                for item in range(lane, AT_ONCE * LABELS, THREADS):
                    row = part + item // LABELS
                    column = base + item % LABELS
                    if row < count and column < labels:
                        place = tables[tile] + wp.int64((batch - first + row) * labels + column)
                        said[place] = sums[item // LABELS, item % LABELS]
            left = wp.tile_sum(wp.tile(going))
            if left[0] == 0:
                break
