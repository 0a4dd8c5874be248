"""Exports a whole splat block by block, so that one larger than memory can be written: .ply, parts, streamed SOG.

NAME.ply             one file, with the bytes that the splat in memory would give
DIR  --parts N       N parts (`formats.parts.writing`)
DIR/lod-meta.json    streamed SOG (`formats.parts.streamed_sog`)

The last, and the others with --sort, are put into Morton order on disk first (`formats.parts.sorting`), beside them.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from pathlib import Path

from splatseg.errors import OutputError, PromptError, RunError, unwritten
from splatseg.formats.folders import LOD_META
from splatseg.formats.parts.opening import open_blocks
from splatseg.formats.parts.sorting import sorted_blocks
from splatseg.formats.parts.streamed_sog_writing import write_streamed_sog
from splatseg.formats.parts.writing import layout_of, write_blocks, write_parts
from splatseg.formats.read import READERS, describe_dropped, find_splat, holds_splat
from splatseg.formats.sidecar import sidecar_path
from splatseg.formats.write import FORMATS, format_of
from splatseg.parts import is_empty, part_folder
from splatseg.plain_text import size_of_file
from splatseg.requests.exporting import ExportOptions
from splatseg.run.folder import open_run
from splatseg.run.reporter import Summary
from splatseg.splats.blocks import SplatBlocks, each_block
from splatseg.splats.splats import Splats

ROWS_A_CHUNK = 1 << 18
"""Gaussians of a chunk of a streamed SOG: their harmonics share a palette of 65,536, and a viewer loads it at once."""


def in_blocks(output: Path, options: ExportOptions) -> bool:
    """Tell whether an export is of the whole splat, in a form that is written block by block.

    Raises PromptError for --parts and --sort with options that choose what is written, OutputError for --parts into a
    file.
    """
    whole = replace(options, format=None, plain=False, parts=None, sort=False) == ExportOptions()
    if options.parts is not None:
        if not whole or options.format not in (None, "ply") or output.name == LOD_META:
            raise PromptError("--parts cuts a whole splat into parts of .ply; give it alone, or with --plain")
        if output.suffix.lower() in READERS.keys() - {".ply"}:
            raise OutputError(f"{output} is the name of a file, and --parts writes a folder of .ply; name one with -o")
        if options.parts < 1:
            raise PromptError(f"--parts is {options.parts}; give the number of parts, 1 or more")
        return True
    found = whole and _is_in_blocks(output, options)
    if options.sort and not found:
        raise PromptError(
            "--sort orders a whole splat, as one .ply or with --parts; give it with these, or with --plain"
        )
    return found


def _is_in_blocks(output: Path, options: ExportOptions) -> bool:
    """Tell whether the form that the whole splat is written in is one of one file that is written block by block."""
    if output.is_dir():
        return False
    if output.name == LOD_META and options.format is None:
        return True
    try:
        return format_of(output, options.format).name == "ply"
    except OutputError:
        return False  # told where the format is needed


def export_file(source: Path, output: Path, options: ExportOptions) -> Summary:
    """Export a run or a splat file of any size. Raises as `export_blocks`, RunError and SplatFileError as its readers.

    Example:
        >>> from splatseg.jobs.exporting.blocks import export_file
        >>> from splatseg.requests.exporting import ExportOptions
        >>> summary = export_file(run.path, folder / "parts", ExportOptions(parts=3))
        >>> len(splatseg.load_splats(folder / "parts")[0]) == len(scene.splats)
        True
    """
    output = Path(output)
    if holds_splat(source):
        path = find_splat(source)
        owned = belongs_to(path, output)
    else:
        run = open_run(source)
        path, owned = run.splats_path, run.owns(output)
        if not path.exists():
            raise RunError(f"{run.path} has no splats.ply yet: its training did not finish; repeat it with --resume")
    if owned:
        raise OutputError(f"{output} is part of what is exported and would be lost; name another file with -o")
    blocks = open_blocks(path)
    if blocks.dropped:
        warnings.warn(describe_dropped(path, blocks.dropped), stacklevel=2)
    return export_blocks(blocks, output, options)


def export_blocks(blocks: SplatBlocks, output: Path, options: ExportOptions) -> Summary:
    """Write a whole splat as the options say. Raises OutputError if `output` cannot be written, or is a full folder."""
    count, folder = len(blocks), options.parts is not None or output.name == LOD_META
    place = output.parent if output.name == LOD_META else output
    if folder and (place.is_file() or (place.is_dir() and not is_empty(place))):
        raise OutputError(f"{place} exists and is not an empty folder; name a new one with -o")
    lost = ""
    try:
        with _ordered(blocks, place) if options.sort or output.name == LOD_META else nullcontext(blocks) as ordered:
            stream = _plain(each_block(ordered)) if options.plain else each_block(ordered)
            if output.name == LOD_META:
                lost = _streamed_sog(ordered, place, options.plain)
            elif options.parts is not None:
                write_parts(output, stream, count, -(-count // options.parts), layout_of(ordered))
            else:
                write_blocks(output, stream, count, layout_of(ordered))
                sidecar_path(output).unlink(missing_ok=True)  # of the file that this one replaces
    except OSError as error:
        raise OutputError(unwritten(output, error)) from None
    size = sum(file.stat().st_size for file in place.rglob("*") if file.is_file()) if folder else output.stat().st_size
    amount = size_of_file(size)
    in_parts = f" in {len(list(place.iterdir()))} parts" if options.parts is not None else ""
    said = f"wrote {count:,} Gaussians to {output}{in_parts} ({amount}){lost}"
    return Summary(said, files=[{"path": output, "gaussians": count, "left_out": ()}])


def belongs_to(origin: Path, path: Path) -> bool:
    """Tell whether a path is the file of a splat, its folder of parts or of chunks, or in that."""
    written, found = Path(path).resolve(), origin.resolve()
    place = found if found.is_dir() else found.parent if found.name == LOD_META else None
    return written == found or (place is not None and (written == place or place in written.parents))


@contextmanager
def _ordered(blocks: SplatBlocks, place: Path) -> Iterator[SplatBlocks]:
    """Yield the blocks in Morton order; they lie beside `place` meanwhile."""
    with part_folder(place.with_name(f"{place.name}.sorted")) as aside:
        yield sorted_blocks(blocks, aside / "sorted.ply", ROWS_A_CHUNK)


def _streamed_sog(blocks: SplatBlocks, folder: Path, plain: bool) -> str:
    """Write ordered blocks as a streamed SOG and return in words what it does not hold, of what is wanted."""
    form = blocks.rows(0, 0).plain() if plain else blocks.rows(0, 0)
    left_out = [*FORMATS["sog"].left_out(form), *([] if form.segment_ids is None else ["segment ids"])]
    write_streamed_sog(folder, _plain(each_block(blocks)))
    return f"; a streamed SOG does not hold {', '.join(left_out)}" if left_out else ""


def _plain(blocks: Iterator[Splats]) -> Iterator[Splats]:
    return (block.plain() for block in blocks)
