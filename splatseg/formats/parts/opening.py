"""Opens a splat of any size in blocks: a file, or a folder of parts.

The parts of a splat are its files in the natural order of their names; they agree in degree, features, other properties
and coordinates. Forms that all rows together tell (`formats.ply.forms`) are those of all parts.
"""

from __future__ import annotations

from pathlib import Path

from splatseg.formats.folders import LOD_META, parts_in, warn_of_gaps
from splatseg.formats.parts.blocks import FileBlocks, blocks_of
from splatseg.formats.parts.rows import PlyRows, Rows, WholeRows
from splatseg.formats.parts.streamed_sog import finest_chunks
from splatseg.formats.ply.columns import known_names, splat_element
from splatseg.formats.ply.forms import forms_of
from splatseg.formats.ply.header import read_header
from splatseg.formats.read import PARTED, READERS, find_splat, format_suffix


def open_blocks(path: Path, rows_a_block: int | None = None) -> FileBlocks:
    """Open a splat in blocks: a file of any format, or a folder of one or of its parts.

    rows_a_block: Gaussians of a block; `splats.blocks.ROWS_A_BLOCK` by default. A .ply may have any size; other formats
    are read whole. All of it is read once, to find what is not finite and the boxes of the blocks; memory is that of
    `survey.STEP` rows.

    Warns as `load_splats` does, save of the number dropped. Raises SplatFileError as it does.

    Example:
        >>> from splatseg.formats.parts.opening import open_blocks
        >>> blocks = open_blocks(run.path / "splats.ply", rows_a_block=10_000)
        >>> blocks.boxes.shape == (len(blocks.borders) - 1, 2, 3)
        True
    """
    path = find_splat(path)
    return blocks_of(path, _files(path), rows_a_block)


def _files(path: Path) -> list[Rows]:
    """Return the rows of the files of a splat. Raises SplatFileError if one cannot be read."""
    found = rows_of(path)
    if format_suffix(path) == PARTED:
        warn_of_gaps([rows.path for rows in found])
    tables = [rows.table for rows in found if isinstance(rows, PlyRows)]
    if tables:
        tables[0].warn()  # parts have the same properties
        forms = forms_of(tables)
        for rows in found:
            if isinstance(rows, PlyRows):
                rows.forms = forms
    return found


def rows_of(path: Path) -> list[Rows]:
    """Return the rows of the files of a splat that `find_splat` found, before they are looked at."""
    return [_rows(file) for file in _paths(path)]


def _paths(path: Path) -> list[Path]:
    """Return the files of a splat."""
    kind = format_suffix(path)
    if kind == LOD_META:
        return finest_chunks(path)
    return (parts_in(path, READERS) or []) if kind == PARTED else [path]


def _rows(path: Path) -> Rows:
    return PlyRows(path) if format_suffix(path) == ".ply" and not is_packed(path) else WholeRows(path)


def is_packed(path: Path) -> bool:
    """Tell whether the Gaussians of a .ply are packed (`formats.compressed_ply`)."""
    header = read_header(path)
    wanted = splat_element(header)
    names = next((element.names for element in header.elements if element.name == wanted), ())
    return "packed_position" in known_names(names)
