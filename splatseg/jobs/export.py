"""Exports the splat of a run or a file for other tools: whole, some segments, or every segment as a file of its own."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from splatseg.errors import OutputError, PromptError, RunError, unwritten
from splatseg.files import atomic_folder
from splatseg.formats.folders import LOD_META
from splatseg.formats.inria_layout import write_inria_layout
from splatseg.formats.read import find_splat, holds_splat
from splatseg.formats.sidecar import read_sidecar_table
from splatseg.formats.write import Written, format_of, write_splats
from splatseg.jobs.blocks.at_hand import check_whole, check_written, splats_of_file, splats_of_run
from splatseg.jobs.exporting.blocks import belongs_to, export_blocks, in_blocks
from splatseg.jobs.exporting.mesh import export_meshes, said_of_unit, unit_of, views_of
from splatseg.parts import is_empty
from splatseg.plain_text import file_stem
from splatseg.requests.exporting import ExportOptions
from splatseg.run.folder import Run, open_run
from splatseg.run.reporter import Summary
from splatseg.segments.members import members_of_segments
from splatseg.segments.segment import Segment, described_as
from splatseg.segments.segments_json import read_segments, segments_of_rows
from splatseg.splats.blocks import ROWS_A_BLOCK, whole_blocks
from splatseg.splats.splats import Splats


@dataclass(frozen=True, eq=False)
class Source:
    """A splat to export, with its segments and its origin."""

    splats: Splats
    """The splat itself."""
    segments: tuple[Segment, ...] = ()
    """Rows of its table of segments: names and colours."""
    run: Run | None = None
    """The run that the splat belongs to; None for a file."""
    path: Path | None = None
    """The file that the splat was read from, or the folder of its parts, which an export never replaces; None for a
    run."""

    def owns(self, path: Path) -> bool:
        """Return True if `path` is the file this was read from, one of its parts, or a file of its run."""
        if self.run is not None:
            return self.run.owns(path)
        return self.path is not None and belongs_to(self.path, path)


def open_source(path: Path) -> Source:
    """Open a run folder or a splat file for export. Raises RunError or SplatFileError if it is neither."""
    path = Path(path)
    if not holds_splat(path):
        run = open_run(path)
        return Source(splats_of_run(run), read_segments(run.segments_path) if run.segments_path.exists() else (), run)
    path = find_splat(path)
    return Source(splats_of_file(path), segments_of_rows(path, read_sidecar_table(path)), path=path)


def export_source(source: Source, output: Path, options: ExportOptions | None = None) -> Summary:
    """Write the files that the options ask for and return a summary, one line per file.

    Raises RunError if there are no segments, PromptError for an unknown id or options that exclude each other,
    OutputError as `formats.write.write_splats` and `exporting.mesh.export_meshes` do and for an output that would
    replace the source.
    """
    options, output = options or ExportOptions(), Path(output)
    _refuse_to_replace(source, output)
    if options.fill and not (options.segment and options.rest and not options.each):
        raise PromptError("--fill closes holes in what --segment ID --rest leaves; give these two, and no --each")
    if not options.mesh and (options.faces is not None or options.watertight or options.hull):
        raise PromptError("--faces, --watertight and --hull are of meshes; give --mesh with them")
    factor = unit_of(source.splats, source.run, options)
    if in_blocks(output, options) and (options.parts is not None or options.sort or output.name == LOD_META):
        return export_blocks(whole_blocks(source.splats, ROWS_A_BLOCK), output, options)
    if options.mesh:
        return export_meshes(output, source.splats, source.segments, options, views_of(source.run), factor)
    if options.length is not None:
        if options.layout is not None:
            raise PromptError("--layout inria writes cameras in the unit of the capture; leave out --length")
        if options.fill:
            raise PromptError("--fill looks through the cameras of the capture, in its unit; leave out --length")
        source = replace(source, splats=source.splats.rescaled(factor))
    done = _export_splats(source, output, options)
    if options.length is None:
        return done
    return Summary(done + said_of_unit(factor, options), **done.facts, metres_a_unit=factor)


def _export_splats(source: Source, output: Path, options: ExportOptions) -> Summary:
    if options.layout == "inria":
        return _export_layout(source, output, options)
    if options.each:
        return _export_each(source, output, options)
    if not options.segment:
        if options.rest:
            raise PromptError("--rest writes what --segment leaves out; name segments with --segment")
        return _told([(_write(source, output, source.splats, options), ())], [])
    members = members_of_segments(source.splats, options.segment)
    files: list[tuple[Path, Splats, tuple[str, ...]]] = [(output, source.splats.subset(members), ())]
    if options.rest:
        beside = _beside(output, format_of(output, options.format).name)
        _refuse_to_replace(source, beside)
        files.append((beside, *_rest_of(source, members, options.fill)))
    written = [(_write(source, path, splats, options), holes) for path, splats, holes in files if len(splats)]
    empty = [f"nothing is left for {path}, so it was not written" for path, splats, _ in files if not len(splats)]
    return _told(written, empty)


def _told(written: Sequence[tuple[Written, tuple[str, ...]]], empty: Sequence[str]) -> Summary:
    """Summarise the files that were written, each with the sentences on the holes closed in it."""
    rows = [
        {"path": done.path, "gaussians": done.count, "left_out": done.left_out, **({"holes": holes} if holes else {})}
        for done, holes in written
    ]
    lines = ["; ".join([done.summary, *holes]) for done, holes in written]
    return Summary("\n".join([*lines, *empty]), files=rows)


def _rest_of(source: Source, members: torch.Tensor, fill: bool) -> tuple[Splats, tuple[str, ...]]:
    """Return what is left without members (N,) bool, and sentences on the holes that were closed in it."""
    if not fill or members.all():
        return source.splats.subset(~members), ()
    if source.splats.is_mapped:
        check_whole("closing holes in the rest", source.splats, "leave out --fill")
    from splatseg.fill.fill import fill_holes  # noqa: PLC0415 (it loads SciPy, which most exports do not need)

    cameras = [] if source.run is None else [view.camera for view in source.run.capture.views]
    filled = fill_holes(source.splats, members.numpy(), cameras)
    return filled.splats, filled.said


def _refuse_to_replace(source: Source, path: Path) -> None:
    if source.owns(path):
        raise OutputError(f"{path} is part of what is exported and would be lost; name another file with -o")


def _export_each(source: Source, folder: Path, options: ExportOptions) -> Summary:
    item = format_of(folder, options.format or "ply")
    if source.splats.segment_ids is None:
        raise RunError("the splat has no segments yet; make them with `splatseg segment RUN`")
    wanted = set(options.segment)
    inside = members_of_segments(source.splats, wanted) if wanted else source.splats.segment_ids > 0
    table = [row for row in described_as(source.splats, source.segments) if not wanted or row.id in wanted]
    if folder.exists() and (not folder.is_dir() or not is_empty(folder)):
        raise OutputError(f"{folder} exists and is not an empty folder; with --each name a new one with -o")
    # Row by row, not all at once: of a huge splat the members of thousands of segments fill the memory.
    ids, stems = source.splats.segment_ids.numpy(), [f"{row.id:03d}_{file_stem(row.name)}" for row in table]
    with_rest = options.rest and not bool(inside.all())
    try:
        with atomic_folder(folder) as aside:
            for place, stem in enumerate([*stems, *(["rest"] if with_rest else [])]):
                members = ids == table[place].id if place < len(table) else ~inside.numpy()
                splats = source.splats.subset(np.flatnonzero(members))
                if not item.ids and place < len(table):
                    splats = splats.replace(segment_ids=None)  # the file is named after the segment
                done = write_splats(aside / f"{stem}.{item.name}", splats, table, item.name, options.plain)
    except OutputError as error:
        raise OutputError(str(error).replace(str(aside), str(folder))) from None
    except OSError as error:
        raise OutputError(unwritten(folder, error)) from None
    rest = " and the rest" if with_rest else ""
    text = f"wrote {len(table)} segments{rest} as .{item.name} to {folder}{done.losses}"
    return Summary(text, segments=len(table), format=item.name, output=folder)


def _export_layout(source: Source, folder: Path, options: ExportOptions) -> Summary:
    if source.run is None:
        raise RunError("--layout inria needs the cameras of a run; give a run instead of a file")
    if options.format or options.each or options.rest:
        raise PromptError("--layout inria writes one splat as .ply; leave out --format, --each and --rest")
    splats = source.splats
    if options.segment:
        splats = splats.subset(members_of_segments(splats, options.segment))
    iteration = source.run.settings.train.iterations
    write_inria_layout(folder, splats, source.run.capture, iteration)
    text = (
        f"wrote {len(splats):,} Gaussians and {len(source.run.capture.views)} cameras to {folder}, plain: "
        "without features and segment ids"
        + ("" if splats.coordinates.is_own else f"; its positions are {splats.coordinates}")
    )
    return Summary(text, gaussians=len(splats), cameras=len(source.run.capture.views), output=folder)


def _write(source: Source, path: Path, splats: Splats, options: ExportOptions) -> Written:
    if source.splats.is_mapped:
        check_written(path, splats, options.format)
    return write_splats(path, splats, source.segments, options.format, options.plain)


def _beside(path: Path, suffix: str) -> Path:
    """Return the path of the rest: things.rest.spz for things.spz."""
    stem = path.name[: -len(suffix) - 1] if path.name.lower().endswith(f".{suffix}") else path.name
    return path.with_name(f"{stem}.rest.{suffix}")
