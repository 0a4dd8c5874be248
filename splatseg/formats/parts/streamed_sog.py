"""Streamed SOG, PlayCanvas' format of large splats: a folder of SOGs and an index, read at its finest level, written.

    lod-meta.json       version 1, count, counts, lodLevels, filenames, tree, environment
    0_0/meta.json ...   an unpacked SOG (`formats.sog`): chunk 0 of level 0, the finest; its pictures beside it

    tree                bound {min, max} and either children, or lods {"0": {file, offset, count}}: a run of Gaussians
                        of the chunk filenames[file]; bounds hold Gaussians with their extent

A splat in blocks is the chunks that hold runs of level 0, in the order of their numbers, and then the environment
(what is far away), if there is one. Levels above 0 are coarser copies. We write level 0 alone: the Gaussians in Morton
order are cut into chunks, these into leaves, and neighbours are joined by twos up to the root.

Alphabet: N Gaussians; L leaves. Source: "The Streamed SOG Format", version 1, in the PlayCanvas manual.
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
from splatseg.errors import SplatFileError
from splatseg.files import atomic_folder
from splatseg.formats.folders import LOD_META
from splatseg.formats.sog import sog_members
from splatseg.raster.rotations import rotation_matrices
from splatseg.splats.splats import Splats
from splatseg.untrusted.documents import DocumentError, Field, read_json
from splatseg.untrusted.paths import names_file, shortened

FINEST = "0"
"""Name of the level with all Gaussians."""

DEEPEST = 64
"""Levels of the tree that are read: one of 2^64 leaves has as many."""

ROWS_A_LEAF = 1 << 13
"""Most Gaussians of a leaf that we write."""

EXTENT = 3.0
"""Standard deviations that count to the extent of a Gaussian."""


def finest_chunks(path: Path) -> list[Path]:
    """Return the meta.json of each chunk of the finest level, and of the environment, of the lod-meta.json at `path`.

    Raises SplatFileError for an index that is damaged or newer, that names files elsewhere, and for missing chunks.
    """
    path = Path(path)
    try:
        index = read_json(path)
        version = index.get("version")
        if version is not None and version.whole(low=1) > 1:
            raise SplatFileError(
                f"{path} is of version {version.value} of streamed SOG, and 1 is read; write it anew with an earlier "
                "splat-transform, or convert its source"
            )
        names = [item.text() for item in index["filenames"].items("file")]
        chosen = [names[number] for number in sorted(_files(index["tree"], len(names)))]
        environment = index.get("environment")
        chosen += [] if environment is None else [environment.text()]
    except (DocumentError, FileNotFoundError) as error:
        raise SplatFileError(f"{path} is no index of a streamed SOG ({error}); write it again") from None
    if not chosen:
        raise SplatFileError(f"{path} lists no chunk of the finest level; write it again")
    return [_inside(path, name) for name in chosen]


def _files(tree: Field, count: int) -> set[int]:
    """Return the numbers of the files, of `count`, that hold the finest level."""
    found, coarser, nodes = set[int](), set[int](), [(tree, 1)]
    while nodes:
        node, depth = nodes.pop()
        if depth > DEEPEST:
            raise DocumentError(f"its tree is deeper than {DEEPEST} levels")
        children, levels = node.get("children"), node.get("lods")
        nodes += [] if children is None else [(child, depth + 1) for child in children.items("child")]
        for level, run in {} if levels is None else levels.entries().items():
            (found if level == FINEST else coarser).add(run["file"].whole(low=0, high=count - 1))
    if found & coarser:
        raise DocumentError(f"file {min(found & coarser)} holds Gaussians of several levels")
    return found


def _inside(path: Path, name: str) -> Path:
    """Return the file of a chunk. Raises SplatFileError if it is missing, or not below the folder of the index."""
    chunk = path.parent / name
    plain = Path(name)
    if plain.is_absolute() or ".." in plain.parts or "\\" in name or plain.name != "meta.json" or len(plain.parts) < 2:
        raise SplatFileError(
            f"{path} names the chunk {shortened(name)!r}, which is no meta.json in a folder below it; write it again"
        )
    if not names_file(chunk):
        raise SplatFileError(f"the chunk {shortened(name)} that {path} names is missing; copy it into the folder")
    if not chunk.resolve().is_relative_to(path.parent.resolve()):
        raise SplatFileError(
            f"the chunk {shortened(name)} that {path} names is a link out of its folder; copy it there"
        )
    return chunk


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
