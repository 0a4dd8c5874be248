"""Reading of streamed SOG, PlayCanvas' format of large splats: a folder of SOGs and an index, at its finest level.

    lod-meta.json       version 1, count, counts, lodLevels, filenames, tree, environment
    0_0/meta.json ...   an unpacked SOG (`formats.sog`): chunk 0 of level 0, the finest; its pictures beside it

    tree                bound {min, max} and either children, or lods {"0": {file, offset, count}}: a run of Gaussians
                        of the chunk filenames[file]; bounds hold Gaussians with their extent

A splat in blocks is the chunks that hold runs of level 0, in the order of their numbers, and then the environment
(what is far away), if there is one. Levels above 0 are coarser copies. `streamed_sog_writing` writes it.

Source: "The Streamed SOG Format", version 1, in the PlayCanvas manual.
"""

from __future__ import annotations

from pathlib import Path

from splatseg.errors import SplatFileError
from splatseg.untrusted.documents import DocumentError, Field, read_json
from splatseg.untrusted.paths import names_file, shortened

FINEST = "0"
"""Name of the level with all Gaussians."""

DEEPEST = 64
"""Levels of the tree that are read: one of 2^64 leaves has as many."""


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
