"""Writing of streamed SOG (`streamed_sog`) with one level of detail, chunk by chunk, with the memory of a chunk.

The Gaussians in Morton order are cut into chunks, each an unpacked SOG (`formats.sog`), these into leaves, and
neighbouring leaves are joined by twos up to the root. The box of a leaf holds m +- 3 s of each of its Gaussians, m its
mean and s its standard deviations along x, y and z.

Alphabet: n Gaussians of a chunk. Source: "The Streamed SOG Format", version 1, in the PlayCanvas manual.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

import splatseg.version
from splatseg.files import atomic_folder
from splatseg.formats.folders import LOD_META
from splatseg.formats.parts.streamed_sog import FINEST
from splatseg.formats.sog import sog_members
from splatseg.raster.rotations import rotation_matrices
from splatseg.splats.splats import Splats

ROWS_A_LEAF = 1 << 13
"""Most Gaussians of a leaf that we write."""

EXTENT = 3.0
"""Standard deviations that count to the extent of a Gaussian."""


def write_streamed_sog(folder: Path, chunks: Iterable[Splats]) -> int:
    """Write Gaussians in Morton order, that come in chunks, into a new folder; return their number.

    Memory is that of a chunk. Features, ids and other properties are left out. Raises OSError if the folder exists and
    is not empty.
    """
    leaves, names, count = list[_Node](), list[str](), 0
    with atomic_folder(folder) as made:
        for chunk in chunks:
            names.append(f"0_{len(names)}/meta.json")
            place = made / names[-1]
            place.parent.mkdir()
            for name, content in sog_members(chunk).items():
                (place.parent / name).write_bytes(content)
            leaves += _leaves(chunk, len(names) - 1)
            count += len(chunk)
        index = {
            "version": 1,
            "asset": {"generator": f"splatseg {splatseg.version.__version__}"},
            "count": count,
            "counts": [count],
            "lodLevels": 1,
            "filenames": names,
            "tree": _tree(leaves).document(),
        }
        (made / LOD_META).write_text(json.dumps(index, separators=(",", ":")), encoding="utf-8")
    return count


@dataclass(frozen=True, eq=False)
class _Node:
    """A node of the tree: its box, and its children or its run of Gaussians."""

    low: np.ndarray
    high: np.ndarray
    children: tuple[_Node, ...] = ()
    run: tuple[int, int, int] = (0, 0, 0)

    def document(self) -> dict[str, Any]:
        """Return the node as JSON has it, numbers with seven digits."""
        ends = {"min": self.low, "max": self.high}
        bound = {end: [float(f"{value:.7g}") for value in corner.tolist()] for end, corner in ends.items()}
        if self.children:
            return {"bound": bound, "children": [child.document() for child in self.children]}
        return {"bound": bound, "lods": {FINEST: dict(zip(("file", "offset", "count"), self.run, strict=True))}}


def _leaves(chunk: Splats, file: int) -> list[_Node]:
    """Return the leaves of a chunk: runs of Gaussians with the box of all of their extents."""
    spread = EXTENT * extents(chunk)
    low, high = chunk.positions - spread, chunk.positions + spread
    found = []
    for begin in range(0, len(chunk), ROWS_A_LEAF):
        rows = slice(begin, min(begin + ROWS_A_LEAF, len(chunk)))
        found.append(_Node(low[rows].min(0), high[rows].max(0), run=(file, begin, rows.stop - begin)))
    return found


def _tree(nodes: list[_Node]) -> _Node:
    """Return the root over nodes, neighbours joined by twos."""
    while len(nodes) > 1:
        nodes = [_over(nodes[i : i + 2]) for i in range(0, len(nodes), 2)]
    return nodes[0]


def _over(children: list[_Node]) -> _Node:
    """Return the node over one or two, which is the one if there is no other."""
    if len(children) == 1:
        return children[0]
    one, other = children
    return _Node(np.minimum(one.low, other.low), np.maximum(one.high, other.high), (one, other))


def extents(splats: Splats) -> np.ndarray:
    """Return the standard deviation of each Gaussian along x, y and z, (n,3) float64: sqrt(diag(R S S R^T))."""
    turns = rotation_matrices(torch.nn.functional.normalize(splats.quats.double(), dim=1))
    spread: np.ndarray = ((turns * splats.scales.double()[:, None, :]) ** 2).sum(2).sqrt().numpy()
    return spread
