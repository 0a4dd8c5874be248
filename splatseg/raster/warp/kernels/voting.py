"""Sums of weights by the labels of a tile."""

import warp as wp

from splatseg.raster.warp.kernels.projection import Flat, Lists, View, pixel_of
from splatseg.raster.warp.kernels.summing import AT_ONCE, next_weights
from splatseg.raster.warp.kernels.walking import PLAIN_PRODUCTS, THREADS

LABELS = 16
"""Labels whose sums a tile takes in one walk."""

OneHot = wp.types.vector(length=LABELS, dtype=wp.float32)


@wp.kernel(enable_backward=False)
def add_up(ends: wp.array(dtype=wp.int64), parts: wp.array(dtype=float), totals: wp.array(dtype=float)):
    """Add up runs of parts, each of them in order."""
    i = wp.tid()
    place = wp.int64(0)
    if i > 0:
        place = ends[i - 1]
    total = float(0.0)
    while place < ends[i]:
        total += parts[place]
        place += wp.int64(1)
    totals[i] = total


@wp.kernel(enable_backward=False, module="unique", module_options=PLAIN_PRODUCTS)
def count_labels(
    view: View,
    lists: Lists,
    numbers: wp.array3d(dtype=int),
    firsts: wp.array(dtype=wp.int64),
    tables: wp.array(dtype=wp.int64),
    said: wp.array(dtype=float),
):
    """Sum weights by the labels of each tile, into its table of entries by labels."""
    tile, lane = wp.tid()
    x, y = pixel_of(view, tile, lane)
    inside = x < view.width and y < view.height
    first, last = lists.starts[tile], lists.starts[tile + 1]
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
                own = lists.flat[lists.owners[batch + lane]]
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
