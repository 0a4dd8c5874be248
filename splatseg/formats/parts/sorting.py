"""Puts a splat that does not fit into memory into Morton order, so that its blocks lie in small boxes.

    codes     c = Morton code of each mean in the box of all (`formats.morton`)
    buckets   bounded by codes of evenly ranked Gaussians of a sample; every Gaussian is appended to its bucket on disk
    output    the buckets one after the other, each sorted by code in memory; equal codes keep the order of the file

The order is that of `morton_order` of all means at once, whatever the sample. Disk: the size of the splat and 8 bytes a
Gaussian, beside the output. Memory: a block, or a bucket, which has about as many Gaussians.

A file whose blocks are already apart needs none of it: `disorder` is the size of a usual block beside that of the
splat, 1 where every block is spread over all of it. Sorted blocks of a solid have B^(-1/3), of surfaces B^(-1/2).

Alphabet: N Gaussians in B blocks; S samples. Source: sample sort (Frazer and McKellar, "Samplesort", 1970).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np

from splatseg.files import atomic_write
from splatseg.formats.morton import morton_codes
from splatseg.formats.parts.blocks import FileBlocks
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.ply.writing import Layout, header_of, row_array
from splatseg.parts import part_folder
from splatseg.splats.blocks import SplatBlocks, each_block
from splatseg.spread import spread

SAMPLE = 1 << 20
"""Most Gaussians of the sample: of 200 buckets each is then of its size within 2 %."""

MARGIN = 1.8
"""Sizes of a usual block, in those of the sorted blocks of a solid, B^(-1/3), up to which blocks pass as ordered. At 8
to 200 blocks four splats, cubes and balls of points in Morton order, with and without 0.2 % of them far out, have at
most 1.66, shuffled ones at least 1.95; the runs tabletop and kitchen as their fit leaves them 2 to 6 at 16 and more."""

MOST_LOOKED_AT, RUNS, RUN = 64, 16, 64
"""Blocks of which Gaussians are looked at, runs of neighbours in each, and Gaussians of a run: in a second."""

OUTERMOST = 0.05
"""Share of the Gaussians of a block that may lie far out, on each side of each axis."""


def disorder(blocks: SplatBlocks) -> float:
    """Return the diagonal of a usual block's box beside that of the whole splat, 0..1; 0 for a single block.

    Boxes hold all but the outermost Gaussians of a sample of some blocks: a few far out would make those of blocks, and
    the whole, as large as chance has it. Raises SplatFileError as `SplatBlocks.rows`.
    """
    if len(blocks.borders) < 3:
        return 0.0
    samples = [_sampled(blocks, *span) for span in spread(list(pairwise(blocks.borders.tolist())), MOST_LOOKED_AT)]
    usual = float(np.median([_extent(means) for means in samples]))
    whole = _extent(np.concatenate(samples))
    return min(1.0, usual / whole) if whole > 0 else 0.0


def _sampled(blocks: SplatBlocks, begin: int, end: int) -> np.ndarray:
    """Return means (n,3) of Gaussians of a block, in runs of neighbours in the file that are evenly spread over it."""
    runs = np.unique(np.linspace(begin, max(begin, end - RUN), RUNS).astype(int)).tolist()
    return np.concatenate([blocks.rows(run, min(run + RUN, end), "geometry").positions for run in runs])


def _extent(means: np.ndarray) -> float:
    """Return the diagonal of the box of means (n,3) without the outermost."""
    low, high = np.quantile(means, (OUTERMOST, 1 - OUTERMOST), axis=0)
    return float(np.linalg.norm(high - low))


def are_ordered(blocks: SplatBlocks) -> bool:
    """Tell whether the blocks of a splat lie so far apart that sorting it would gain little."""
    return bool(disorder(blocks) <= MARGIN * (len(blocks.borders) - 1) ** (-1 / 3))


def sorted_blocks(blocks: SplatBlocks, path: Path, rows_a_block: int | None = None) -> FileBlocks:
    """Write a splat in Morton order as a .ply at `path`, in the world that it is in, and open that in blocks.

    Gaussians have the same values to the bit. Buckets lie beside `path` while it is made. Raises OSError if `path`
    cannot be written, and as `SplatBlocks.read`.
    """
    path, layout = Path(path), Layout(own=False)
    if len(blocks) == 0:
        raise ValueError("there are no Gaussians to sort")
    with part_folder(path.with_name(f"{path.name}.buckets")) as folder, atomic_write(path) as file:
        buckets = _distributed(blocks, folder, layout)
        file.write(header_of(blocks.rows(0, 1), len(blocks), layout))
        for bucket in buckets:
            for rows in bucket.sorted_rows():
                file.write(rows.tobytes())
    return open_blocks(path, rows_a_block)


@dataclass(frozen=True)
class _Bucket:
    """Rows with codes of one range, and their codes, in two files."""

    rows: Path
    codes: Path
    dtype: np.dtype

    def append(self, rows: np.ndarray, codes: np.ndarray) -> None:
        """Add rows (n,) with their codes (n,)."""
        with self.rows.open("ab") as file:
            file.write(rows.tobytes())
        with self.codes.open("ab") as file:
            file.write(codes.tobytes())

    def sorted_rows(self) -> Iterator[np.ndarray]:
        """Yield the rows in order, and remove the files."""
        if self.rows.exists():
            order = np.argsort(np.fromfile(self.codes, np.uint64), kind="stable")
            rows = np.fromfile(self.rows, self.dtype)
            self.rows.unlink()
            self.codes.unlink()
            yield rows[order]


def _distributed(blocks: SplatBlocks, folder: Path, layout: Layout) -> list[_Bucket]:
    """Write the rows of all blocks into buckets, in the order of their codes."""
    box = blocks.boxes[:, 0].min(0), blocks.boxes[:, 1].max(0)
    borders = _borders(blocks, box)
    dtype = row_array(blocks.rows(0, 0), layout).dtype
    buckets = [_Bucket(folder / f"{i}.rows", folder / f"{i}.codes", dtype) for i in range(len(borders) + 1)]
    for splats in each_block(blocks):
        codes = morton_codes(splats.positions, *box)
        place = np.searchsorted(borders, codes, side="right")
        order, rows = np.argsort(place, kind="stable"), row_array(splats, layout)
        ends = np.cumsum(np.bincount(place, minlength=len(buckets)))
        for bucket, (begin, end) in zip(buckets, zip([0, *ends[:-1]], ends, strict=True), strict=True):
            chosen = order[begin:end]
            if len(chosen):
                bucket.append(rows[chosen], codes[chosen])
    return buckets


def _borders(blocks: SplatBlocks, box: tuple[np.ndarray, np.ndarray]) -> np.ndarray:
    """Return codes that part the Gaussians into as many buckets as there are blocks, about alike, (B-1,) uint64."""
    rng, share = np.random.default_rng(0), min(1.0, SAMPLE / len(blocks))
    sample = list[np.ndarray]()
    for splats in each_block(blocks, "geometry"):
        chosen = rng.random(len(splats)) < share
        sample.append(morton_codes(splats.positions[chosen], *box))
    codes = np.sort(np.concatenate(sample))
    count = len(blocks.borders) - 1
    return np.unique(codes[[len(codes) * i // count for i in range(1, count)]]) if len(codes) else codes
