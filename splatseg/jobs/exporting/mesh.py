"""Exports segments of a splat as meshes, and finds the unit of a scene by a known length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from splatseg.capture.view import View
from splatseg.errors import OutputError, PromptError, SplatsegError
from splatseg.mesh.around import places_of
from splatseg.mesh.write import NamedMesh, check_library, mesh_format, origin_of, write_meshes
from splatseg.render.distance import distance_between
from splatseg.requests.exporting import ExportOptions
from splatseg.run.folder import Run
from splatseg.run.reporter import Summary
from splatseg.segments.members import ids_of_segments
from splatseg.segments.segment import Segment, described_as
from splatseg.splats.splats import Splats


def views_of(run: Run | None) -> Sequence[View]:
    """Return the views that a run was fitted to; () for a file, and for a run whose capture is gone."""
    try:
        return () if run is None else run.capture.split("train")
    except SplatsegError:
        return ()


def unit_of(splats: Splats, run: Run | None, options: ExportOptions) -> float:
    """Return the factor to metres by the known length of the options; 1 without one.

    Raises PromptError for a file, which has no views, for an unknown view, pixels that show nothing, and a length that
    is not above 0.
    """
    if options.length is None:
        return 1.0
    view, first, second, metres = options.length
    if run is None:
        raise PromptError("--length names a view, and a splat file has none; give a run")
    if not 0.0 < metres < np.inf:
        raise PromptError(f"--length is {metres:g} metres; give a length above 0")
    seen = run.capture.view(view)
    return metres / distance_between(splats, seen.seen_by, _pixel(first), _pixel(second), seen.photograph)


def _pixel(text: str) -> tuple[float, float]:
    try:
        x, y = (float(part) for part in text.split(","))
    except ValueError:
        raise PromptError(f"--length takes VIEW X,Y X,Y METRES, and {text!r} is no X,Y in pixels") from None
    return x, y


def said_of_unit(factor: float, options: ExportOptions) -> str:
    """Return the end of a summary that says the unit of what was written; empty without a known length."""
    return "" if options.length is None else f"; in metres, {factor:.6g} a unit of the scene"


def export_meshes(
    output: Path,
    splats: Splats,
    segments: Sequence[Segment],
    options: ExportOptions,
    views: Iterable[View] = (),
    factor: float = 1.0,
) -> Summary:
    """Write meshes of the segments that the options name, or of all, into one file; return a summary.

    views: those that the splat was fitted to. factor: to metres. Segments without a surface are left out and
    named, unless they were asked for.

    Raises PromptError for an unknown id, options that exclude each other, and a segment without a surface; OutputError
    as `mesh.write.write_meshes` does.
    """
    from splatseg.mesh.build import mesh_of_splats  # noqa: PLC0415 (it loads skimage; other exports need none)

    _check(output, options)
    seen_from = places_of([view.camera for view in views], splats.coordinates)
    meshes, without = [], []
    for row, part in _parts(splats, segments, options):
        try:
            mesh = mesh_of_splats(part, seen_from, options.faces)
            if options.watertight and not mesh.is_watertight:
                raise OutputError(f"the mesh of {row.name if row else output} does not close; leave out --watertight")
            mesh = (mesh.hull() if options.hull else mesh).scaled(factor)
        except PromptError as error:
            if row is None or options.segment:
                raise PromptError(f"{output} was not written: {row.name + ': ' if row else ''}{error}") from None
            without.append(row.name)
            continue
        meshes.append(NamedMesh.of(mesh, row, output))
    if not meshes:
        raise PromptError(f"no segment has a surface, so {output} was not written; name an object with --segment")
    said = write_meshes(output, meshes, options.format, origin_of(splats.coordinates, factor))
    skipped = f"; no surface: {', '.join(without)}" if without else ""
    rows = [
        {"name": one.name, "segment": one.segment_id, "faces": len(one.mesh.faces), "closed": one.mesh.is_watertight}
        for one in meshes
    ]
    return Summary(
        said + skipped + said_of_unit(factor, options),
        files=[{"path": output, "meshes": rows}],
        without_surface=without,
        metres_a_unit=None if options.length is None else factor,
    )


def _check(output: Path, options: ExportOptions) -> None:
    mesh_format(output, options.format)
    check_library(output)
    if options.each or options.rest or options.plain or options.layout:
        raise PromptError("--mesh writes one file of meshes; leave out --each, --rest, --plain and --layout")
    if output.is_dir():
        raise OutputError(f"{output} is a folder; name a file")


def _parts(
    splats: Splats, segments: Sequence[Segment], options: ExportOptions
) -> Iterator[tuple[Segment | None, Splats]]:
    """Yield the segments that are asked for, each with its Gaussians; all Gaussians if there are no segments."""
    if splats.segment_ids is None and not options.segment:
        yield None, splats
        return
    wanted = set(ids_of_segments(splats, options.segment or None))
    assert splats.segment_ids is not None
    rows = [row for row in described_as(splats, segments) if row.id in wanted]
    for row in rows:
        yield row, splats.subset(splats.segment_ids == row.id)
