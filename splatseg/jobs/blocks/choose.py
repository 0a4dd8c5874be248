"""The number of blocks of a splat: one piece if that fits into memory, else as many as keep a block small.

    one piece    N (4 (14 + 3 K) + 512 + 600) + 8 E + min(12 E, 3 GiB)        E = 0.4 N V
    a block      n (3 * 4 (14 + 3 K + 64)) <= an eighth of the memory

A Gaussian's parameters, its features twice, and its share of the clustering; then votes as they are kept and gathered
(`votes.gathering`). 0.4 is the share of the Gaussians that a view votes for in a scene that most views show whole (200
views of composed_14: 79 votes a Gaussian); peaks of 1 and 5 million Gaussians there (3.1 and 12.4 GB) are 0.9 and 1.0
times this estimate. A city of which each view sees a part needs less.

Alphabet: N Gaussians, n of a block; K harmonics beyond the constant; V views with masks; E votes.
"""

from __future__ import annotations

from pathlib import Path

from splatseg.formats.parts.opening import rows_of
from splatseg.formats.read import find_splat
from splatseg.requests.blocks import BlocksRequest
from splatseg.untrusted.memory import in_words, machine_memory
from splatseg.votes.gathering import IN_MEMORY

SEEN = 0.4
"""Share of the Gaussians that a view votes for."""

ROWS = (1 << 16, 1 << 22)
"""Fewest and most Gaussians of a block that is chosen: smaller ones only cost time, larger ones save none."""


def memory_in_one_piece(gaussians: int, harmonics: int, views: int) -> int:
    """Return the bytes that segmenting in one piece takes, by the estimate above."""
    entries = int(SEEN * gaussians * views)
    return gaussians * (4 * (14 + 3 * harmonics) + 512 + 600) + 8 * entries + min(12 * entries, IN_MEMORY)


def size_of_splat(path: Path) -> tuple[int, int]:
    """Return the Gaussians of a splat, finite or not, and its harmonics beyond the constant.

    Of a .ply the header says it, any other format is read. Raises SplatFileError if it cannot be read.
    """
    files = rows_of(find_splat(path))
    return sum(file.count for file in files), files[0].stored(0, 0).shN.shape[1]


def in_one_piece(gaussians: int, harmonics: int, views: int) -> tuple[str, bool]:
    """Return what segmenting in one piece takes and what is there, in words, and whether that is enough."""
    needed, there = memory_in_one_piece(gaussians, harmonics, views), machine_memory()
    figures = f"in one piece {gaussians:,} Gaussians and {views} views take some {in_words(needed)}"
    return f"{figures}, and there are {in_words(there)}", needed <= there


def fits_in_one_piece(path: Path, views: int = 0) -> bool:
    """Tell whether a splat would be segmented in one piece by so many views. Raises as `size_of_splat`."""
    return in_one_piece(*size_of_splat(path), views)[1]


def rows_a_block(path: Path, blocks: int) -> int:
    """Return the Gaussians of each of so many blocks of a splat. Raises SplatFileError as `size_of_splat`."""
    return max(1, -(-size_of_splat(path)[0] // blocks))


def choose_blocks(request: BlocksRequest, before: int, gaussians: int, harmonics: int, views: int) -> tuple[int, str]:
    """Return the number of blocks, and a sentence on why if they were to be chosen, else "".

    before: blocks that the run was made with.
    """
    if not request.is_auto:
        asked = request.number
        return (before, "") if asked is None else (min(asked, max(gaussians, 1)), "")
    told, fits = in_one_piece(gaussians, harmonics, views)
    if fits:
        return 1, f"{told}: in one piece"
    rows = machine_memory() // 8 // (12 * (14 + 3 * harmonics + 64))
    blocks = -(-gaussians // max(ROWS[0], min(rows, ROWS[1])))
    return max(blocks, 2), f"{told}: in {max(blocks, 2)} blocks"
