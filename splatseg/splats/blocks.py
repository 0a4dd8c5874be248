"""Splats on disk in blocks: N Gaussians of which nothing of size N is in memory.

Block b holds the rows borders[b] to borders[b + 1] of the splat, consecutive in its file and numbered as
`formats.read.load_splats` numbers them. Boxes and reaches say what a block can touch without reading it.

Alphabet: N Gaussians; B blocks. `formats.parts.opening.open_blocks` opens files as such, and
`whole_blocks` takes a splat in memory. Nothing here imports torch.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

import numpy as np

from splatseg.cameras.coordinates import Coordinates

if TYPE_CHECKING:
    from splatseg.splats.splats import Splats

What = Literal["geometry", "colors", "all"]
"""Fields to read: geometry leaves colours 0 (sh0 (n,3) of zeros, shN (n,0,3)), features, ids and extras out; colors are
geometry with colours."""

ROWS_A_BLOCK = 1 << 18
"""Gaussians of a block if nothing else is asked for: 60 MB of a file with harmonics of degree 3."""


class SplatBlocks(Protocol):
    """N Gaussians in B blocks of consecutive rows; an object that can be pickled, in little more than its boxes."""

    @property
    def borders(self) -> np.ndarray:
        """First row of each block, and N: (B+1,) int64."""
        ...

    @property
    def boxes(self) -> np.ndarray:
        """Lowest and highest mean of each block, (B,2,3) float64, in the world of the splat."""
        ...

    @property
    def reaches(self) -> np.ndarray:
        """Largest linear scale of each block, (B,) float32, world units; never below that of its Gaussians."""
        ...

    @property
    def sh_degree(self) -> int:
        """Degree of the spherical harmonics."""
        ...

    @property
    def antialiased(self) -> bool:
        """True if the splat was fitted for anti-aliased rendering."""
        ...

    @property
    def coordinates(self) -> Coordinates:
        """The user's own coordinates of the world that the Gaussians are in."""
        ...

    def __len__(self) -> int: ...

    def read(self, block: int, what: What = "all") -> Splats:
        """Return a copy of the Gaussians of a block. Raises SplatFileError if the file changed or cannot be read."""
        ...

    def rows(self, begin: int, end: int, what: What = "all") -> Splats:
        """Return a copy of the Gaussians from row `begin` to row `end`, exclusive. Raises as `read`."""
        ...


def each_block(blocks: SplatBlocks, what: What = "all") -> Iterator[Splats]:
    """Yield the Gaussians of all blocks, one block after the other."""
    for block in range(len(blocks.borders) - 1):
        yield blocks.read(block, what)


def evenly(count: int, rows_a_block: int | None) -> np.ndarray:
    """Return borders of blocks of so many rows, of which the last may have fewer: (B+1,) int64."""
    return np.append(np.arange(0, count, rows_a_block or ROWS_A_BLOCK), count).astype(np.int64)


@dataclass(frozen=True, eq=False)
class WholeBlocks:
    """A splat in memory as blocks."""

    splats: Splats
    """All Gaussians."""
    borders: np.ndarray
    """First row of each block, and N."""
    boxes: np.ndarray
    """Lowest and highest mean of each block."""
    reaches: np.ndarray
    """Largest linear scale of each block."""

    @property
    def sh_degree(self) -> int:
        """Degree of the spherical harmonics."""
        return self.splats.sh_degree

    @property
    def antialiased(self) -> bool:
        """True if the splat was fitted for anti-aliased rendering."""
        return self.splats.antialiased

    @property
    def coordinates(self) -> Coordinates:
        """The user's own coordinates of the world."""
        return self.splats.coordinates

    def __len__(self) -> int:
        return len(self.splats)

    def read(self, block: int, what: What = "all") -> Splats:
        """Return the Gaussians of a block."""
        return self.rows(int(self.borders[block]), int(self.borders[block + 1]), what)

    def rows(self, begin: int, end: int, what: What = "all") -> Splats:
        """Return the Gaussians of a range of rows."""
        taken = self.splats.subset(np.arange(begin, end))
        if what == "all":
            return taken
        if what == "colors":
            return taken.plain()
        return taken.plain().replace(sh0=taken.sh0.new_zeros(taken.sh0.shape), shN=taken.shN[:, :0])


def whole_blocks(splats: Splats, rows_a_block: int | None = None) -> WholeBlocks:
    """Return a splat in memory, of finite Gaussians, as blocks of so many rows: one block by default."""
    borders = evenly(len(splats), rows_a_block or max(1, len(splats)))
    spans = list(zip(borders[:-1].tolist(), borders[1:].tolist(), strict=True))
    means, reach = splats.positions, splats.reach
    boxes = [np.stack([means[a:b].min(0), means[a:b].max(0)]) for a, b in spans]
    reaches = np.array([reach[a:b].max() for a, b in spans], np.float32)
    return WholeBlocks(splats, borders, np.array(boxes, np.float64).reshape(-1, 2, 3), reaches)
