"""Votes: what the label maps of a view say of each Gaussian, in one pass for any number of labels.

A tile has few labels of its own. It numbers them, sums weights by them 16 labels at a time (as in `sums`), and its sums
for each Gaussian and label are added up afterwards, tile by tile in a fixed order.
"""

from __future__ import annotations

import torch
from torch import Tensor

from splatseg.raster.warp.kernels.projection import TILE
from splatseg.raster.warp.kernels.voting import add_up, count_labels
from splatseg.raster.warp.kernels.walking import THREADS
from splatseg.raster.warp.lists import Prepared
from splatseg.raster.warp.runtime import array, launch, launch_tiles


def label_sums(prepared: Prepared, label_maps: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Sum weights by label: Gaussians (nnz,) int64, labels - 1 (nnz,) int32, and sums (nnz,), all above 0.

    Entries ascend by Gaussian, and by label within. label_maps (L,H,W) int32, 0..count.
    """
    device = label_maps.device
    numbers, found, firsts = _own_labels(prepared, label_maps, count)
    # A tile's sums are a table: a row for each of its entries, a column for each of its labels.
    widths, lengths = firsts.diff(), prepared.starts.diff().long()
    tables = torch.cat([firsts.new_zeros(1), (widths * lengths).cumsum(0)])
    said = torch.zeros(int(tables[-1]), device=device)
    inputs = [*prepared.lists, array(numbers), array(firsts), array(tables), array(said)]
    if len(said):
        launch_tiles(count_labels, prepared.tiles, THREADS, inputs, device)
    given = torch.nonzero(said > 0)[:, 0]
    tile = torch.searchsorted(tables, given, right=True) - 1
    row, column = (
        (given - tables[tile]) // widths[tile].clamp(min=1),
        (given - tables[tile]) % widths[tile].clamp(min=1),
    )
    owner = prepared.owners[prepared.starts[tile].long() + row].long()
    label = found[firsts[tile] + column] - 1
    keys, order = torch.sort(owner * count + label, stable=True)
    sums = said[given][order].contiguous()
    distinct, sizes = torch.unique_consecutive(keys, return_counts=True)
    totals = torch.empty(len(distinct), device=device)
    launch(add_up, len(distinct), [array(sizes.cumsum(0)), array(sums), array(totals)], device)
    return distinct // max(count, 1), (distinct % max(count, 1)).int(), totals


def _own_labels(prepared: Prepared, label_maps: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Number the labels of each tile.

    Returns the numbers (L,H,W) int32, -1 for none, the labels, tile by tile, and where each tile's begin, (T+1,) int64.
    """
    height, width = prepared.shape
    device = label_maps.device
    y, x = torch.arange(height, device=device) // TILE, torch.arange(width, device=device) // TILE
    tile = y[:, None] * prepared.view.tiles_x + x[None, :]
    keys = tile * (count + 1) + label_maps.long()
    distinct = torch.unique(keys[label_maps > 0])
    firsts = torch.searchsorted(distinct, torch.arange(prepared.tiles + 1, device=device) * (count + 1))
    numbers = (torch.searchsorted(distinct, keys) - firsts[tile]).int()
    return numbers.where(label_maps > 0, -1).contiguous(), distinct % (count + 1), firsts
