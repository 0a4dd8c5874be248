"""Writing of splats larger than memory: one .ply, or a folder of parts, with the memory of one block.

    part_00001_of_00008.ply   rows of the first part; parts have the same number of rows, the last one fewer

Rows keep their order, and one .ply has the bytes that `formats.ply.ply.write_ply` gives for the whole splat.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np

from splatseg.files import atomic_folder
from splatseg.formats.ply.forms import coarse
from splatseg.formats.ply.writing import Layout, own_geometry, write_ply_blocks
from splatseg.splats.blocks import SplatBlocks, each_block
from splatseg.splats.splats import Splats


def write_blocks(path: Path, blocks: Iterable[Splats], count: int, layout: Layout | None = None) -> None:
    """Write `count` Gaussians that come in blocks as one .ply, atomically, with the memory of one block.

    The first block may be empty, and there is one at least; all have the same fields. layout: by default own
    coordinates, as float32 where the world of the splat is not the user's own (`layout_of` looks).
    """
    write_ply_blocks(path, blocks, count, layout or Layout())


def write_parts(
    path: Path, blocks: Iterable[Splats], count: int, rows_a_part: int, layout: Layout | None = None
) -> None:
    """Write `count` Gaussians that come in blocks as a new folder of parts of so many rows, as `write_blocks` does.

    Raises OSError if `path` exists and is not an empty folder.
    """
    layout, stream = layout or Layout(), _Stream(blocks)
    borders = [*range(0, count, rows_a_part), count] if count else [0, 0]
    total = len(borders) - 1
    with atomic_folder(path) as folder:
        for number, (begin, end) in enumerate(pairwise(borders), start=1):
            part = folder / f"part_{number:05d}_of_{total:05d}.ply"
            write_ply_blocks(part, stream.take(end - begin), end - begin, layout)
        assert stream.ended, f"more than {count} Gaussians came"


def layout_of(blocks: SplatBlocks, layout: Layout | None = None) -> Layout:
    """Return a layout that says whether the own positions of a splat need doubles; passes over its geometry to tell."""
    layout = layout or Layout()
    if blocks.coordinates.is_own or not layout.own:
        return layout

    def geometry() -> Iterator[tuple[np.ndarray, np.ndarray]]:
        return map(own_geometry, each_block(blocks, "geometry"))

    return replace(layout, doubles=coarse(geometry))


class _Stream:
    """Gaussians that come in blocks of any size and are taken in others."""

    def __init__(self, blocks: Iterable[Splats]) -> None:
        self._blocks = iter(blocks)
        self._left: Splats | None = None

    def take(self, count: int) -> Iterator[Splats]:
        """Yield the next `count` Gaussians, in one block or more, and fewer if there are no more."""
        yielded = False
        while count or not yielded:
            self._left = self._left if self._left is not None else next(self._blocks, None)
            if self._left is None:
                return
            now, rest = self._left, None
            if len(now) > count:
                now, rest = self._left.subset(np.arange(count)), self._left.subset(np.arange(count, len(self._left)))
            self._left, count, yielded = rest, count - len(now), True
            yield now

    @property
    def ended(self) -> bool:
        """True if all Gaussians were taken."""
        return self._left is None and all(not len(block) for block in self._blocks)
