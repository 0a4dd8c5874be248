"""Renders a run from the cameras of its capture or any others, as PNGs named like the cameras."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from splatseg.cameras.coordinates import OWN, Coordinates
from splatseg.cameras.lens_camera import faces_of_camera
from splatseg.capture.capture import load_cameras
from splatseg.capture.view import View, as_results
from splatseg.errors import PromptError, RunError, unwritten
from splatseg.files import write_png
from splatseg.jobs.blocks.at_hand import splats_of_run
from splatseg.render.label_maps import label_map, segment_coverages, write_label_map, write_mask
from splatseg.render.overlays import overlay_segments
from splatseg.render.photographed import photographed
from splatseg.render.pictures import depth_unit, fit_feature_colors, to_uint8, write_depth, write_depth_unit
from splatseg.render.rgb import render_depth, render_rgb
from splatseg.render.shown import Shown
from splatseg.render.supersampling import SUPERSAMPLE
from splatseg.run.folder import Run
from splatseg.run.reporter import NullReporter, Reporter, Summary, track_in_order
from splatseg.segments.members import ids_of_segments
from splatseg.splats.splats import Splats


def render_run(
    run: Run,
    what: Shown,
    split: str | None,
    output: Path,
    cameras: Path | None = None,
    segments: Sequence[int] = (),
    antialias: bool = False,
    reporter: Reporter | None = None,
    undistorted: bool = False,
) -> Summary:
    """Render every view of a split (None: test), or every camera of `cameras`; return a summary.

    what: the content of the pictures; masks writes `output`/<id>/<view>.png, depth writes 16-bit PNGs and their unit
    as `output`/depth.json.
    cameras: a file or folder for `capture.load_cameras`; the capture is not read then.
    segments: ids for `masks`; empty takes all.
    antialias: render masks with soft edges, and decide segments by many samples of each pixel.
    undistorted: pictures of the pinhole cameras that photographs are worked with, instead of photographs as they are.

    Raises RunError if the run lacks the features or segments to render or the output cannot be written, CaptureError
    for bad cameras, PromptError if the split is empty, a segment does not exist, or options exclude each other.
    """
    if output.exists() and not output.is_dir():
        raise RunError(f"{output} is a file, not a folder; name another place with -o")
    check_shown(what, segments, antialias)
    splats = splats_of_run(run)
    views = as_results(views_of(run, split, cameras, splats.coordinates), undistorted)
    write = _writer(run, splats, what, views, output, segments, SUPERSAMPLE if antialias else 1)
    try:
        written = sum(track_in_order(reporter or NullReporter(), what, write, views, splats.is_mapped))
    except OSError as error:
        raise RunError(unwritten(output, error)) from None
    kind = "masks" if what == "masks" else "pictures"
    return Summary(f"wrote {written} {kind} to {output}", what=what, pictures=written, output=output)


def check_shown(what: Shown, segments: Sequence[int], antialias: bool) -> None:
    """Check that --segment and --antialias apply to `what`. Raises PromptError if they do not."""
    if segments and what != "masks":
        raise PromptError(f"--segment chooses masks and does not apply to --what {what}; use --what masks")
    if antialias and what not in ("masks", "segments"):
        raise PromptError(
            f"--antialias applies to --what masks and --what segments, not to --what {what}; leave it out"
        )


def views_of(run: Run, split: str | None, cameras: Path | None, coordinates: Coordinates = OWN) -> tuple[View, ...]:
    """Return the cameras of a file or folder in the world of coordinates, else the views of a split (None: test).

    Raises as `render_run` does.
    """
    if cameras is None:
        return run.views(split or "test")
    if split is not None:
        raise PromptError("--split and --cameras both choose the cameras; give one of them")
    return load_cameras(cameras, coordinates)


def _writer(
    run: Run,
    splats: Splats,
    what: Shown,
    views: tuple[View, ...],
    output: Path,
    segments: Sequence[int],
    supersample: int,
) -> Callable[[View], int]:
    """Return the function that writes the pictures of one view and returns their number."""
    if what in ("segments", "overlay", "masks"):
        if splats.segment_ids is None:
            raise RunError(f"{run.path} has no segments to render; run `splatseg segment {run.path} --masks DIR` first")
        return _segments_writer(run, splats, what, output, segments, supersample)
    write: Callable[[Path, View], None]
    if what == "rgb":
        background = run.settings.train.background

        def write(path: Path, view: View) -> None:
            write_png(path, photographed(view.seen_by, lambda face: to_uint8(render_rgb(splats, face, background))))
    elif what == "depth":
        for view in views:
            if len(faces_of_camera(view.seen_by)) > 1:
                raise PromptError(
                    f"'{view.photograph}' sees too much for a depth along one axis; give --undistorted for the "
                    "depth of each of its faces"
                )
        unit = depth_unit(splats, [view.camera for view in views])
        write_depth_unit(output / "depth.json", unit)

        def write(path: Path, view: View) -> None:
            # From the nearest pixel: a mean of near and far would be a depth where nothing is.
            depth = photographed(view.seen_by, lambda face: render_depth(splats, face).detach().numpy(), "nearest")
            write_depth(path, depth, unit)
    else:
        if splats.features is None:
            raise RunError(f"{run.path} has no features to render; run `splatseg segment {run.path} --masks DIR` first")
        colors = fit_feature_colors(splats)

        def write(path: Path, view: View) -> None:
            write_png(path, photographed(view.seen_by, lambda face: colors.render(splats, face)))

    return _one_a_view(write, output)


def _segments_writer(
    run: Run, splats: Splats, what: Shown, output: Path, segments: Sequence[int], supersample: int
) -> Callable[[View], int]:
    if what == "masks":
        ids = ids_of_segments(splats, segments or None)

        def write_masks(view: View) -> int:
            for segment_id, coverage in segment_coverages(splats, view.seen_by, ids, supersample):
                write_mask(output / str(segment_id) / view.png_name, coverage)
            return len(ids)

        return write_masks
    if what == "segments":
        return _one_a_view(
            lambda path, view: write_label_map(path, label_map(splats, view.seen_by, supersample)), output
        )
    colors, background = run.segment_colors(), run.settings.train.background

    def write(path: Path, view: View) -> None:
        picture = photographed(view.seen_by, lambda face: to_uint8(render_rgb(splats, face, background)))
        write_png(path, overlay_segments(picture, label_map(splats, view.seen_by), colors))

    return _one_a_view(write, output)


def _one_a_view(write: Callable[[Path, View], None], output: Path) -> Callable[[View], int]:
    def written(view: View) -> int:
        write(output / view.png_name, view)
        return 1

    return written
