"""Films a run or a splat file: finds the path of cameras, renders frame by frame and writes the video."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch

from splatseg.cameras.camera import Camera, centred_lens
from splatseg.cameras.coordinates import Coordinates
from splatseg.cameras.orbit import focus_of, orbit_around, orbit_of
from splatseg.cameras.path import natural_order, path_of_views, path_through, reframed
from splatseg.capture.capture import load_cameras
from splatseg.capture.view import View, one_a_photograph
from splatseg.errors import CaptureError, PromptError
from splatseg.jobs.blocks.at_hand import check_whole, splats_of_file, splats_of_run
from splatseg.jobs.render import check_shown
from splatseg.machine.threads import Workers
from splatseg.render.film.video import check_film, write_video
from splatseg.render.painter import Look, painter_of
from splatseg.render.rgb import render_depth
from splatseg.render.shown import Shown
from splatseg.render.supersampling import SUPERSAMPLE
from splatseg.requests.filming import Film
from splatseg.run.folder import Run
from splatseg.run.reporter import NullReporter, Reporter, Summary
from splatseg.scene.first_pose import axis_of
from splatseg.splats.box import far_out
from splatseg.splats.splats import Splats

TALLEST = 720
"""Rows of a film without a given size: it has the shape of the capture's images and at most this height."""

ANGLE = math.radians(50.0)
"""Vertical angle of view, radians, of a film of a splat without cameras."""

SOLID = 0.3
"""Least opacity of a Gaussian that counts as part of the object if there are no cameras to look at it."""

CLEARANCE = 0.3
"""Along `orbit` and `capture`, Gaussians nearer than this share of the distance to the scene's centre fade out
(`render.painter.Look`). A path through keyframes keeps them: whoever set a keyframe has seen them."""


def render_film(
    source: Run | Path,
    what: Shown,
    film: Film,
    output: Path,
    segments: Sequence[int] = (),
    antialias: bool = False,
    reporter: Reporter | None = None,
) -> Summary:
    """Film a run or a splat file, write the video and return a summary.

    what: the content of the pictures; see `render.painter.painter_of`.
    output: a path that ends in .mp4, .webp or .gif, or a new folder for PNGs.
    segments: ids of the segments to highlight (`masks`).
    antialias: decide segments and masks at 16 samples of each pixel.

    Raises RunError if there is nothing to show or the file cannot be written, CaptureError for bad keyframes,
    PromptError for options that exclude each other, SplatFileError for a bad splat file.

    Example:
        >>> film = splatseg.Film("orbit", seconds=0.2, fps=10, size=(64, 48))
        >>> splatseg.render_film(run, "rgb", film, folder / "orbit.mp4").startswith("wrote")
        True
    """
    _check(film, source)
    check_shown(what, segments, antialias)
    check_film(output, film.codec)
    if isinstance(source, Run):
        splats, colors, background = splats_of_run(source), source.segment_colors(), source.settings.train.background
    else:
        splats = splats_of_file(source)
        colors, background = {}, (0.0, 0.0, 0.0)
    if film.draft and splats.is_mapped:
        check_whole("a film with --draft", splats, "leave out --draft")
    cameras = cameras_of_film(source, splats, film)
    clearance = CLEARANCE * _distance(cameras) if film.path in ("orbit", "capture") else 0.0
    look = Look(background, colors, tuple(segments), SUPERSAMPLE if antialias else 1, clearance, film.draft)
    paint = painter_of(splats, what, cameras, look)
    reporter = reporter or NullReporter()
    with reporter.stage("film", len(cameras)) as advance, Workers(1 if splats.is_mapped else None) as workers:

        def frames() -> Iterator[np.ndarray]:
            for done, frame in enumerate(workers.in_order(paint, cameras), start=1):
                yield frame
                advance(done)

        kind = write_video(output, frames(), film.fps, film.codec, workers)
    width, height, seconds = cameras[0].width, cameras[0].height, len(cameras) / film.fps
    text = f"wrote {output}: {kind}, {len(cameras)} frames of {width}x{height}, {seconds:.1f} s"
    size = {"width": width, "height": height}
    return Summary(text, what=what, kind=kind, frames=len(cameras), **size, seconds=seconds, output=output)


def cameras_of_film(source: Run | Path, splats: Splats, film: Film) -> tuple[Camera, ...]:
    """Return the cameras of a film, one per frame. Raises as `render_film` does."""
    if film.path not in ("orbit", "capture"):
        return _through_keyframes(Path(film.path), film, splats.coordinates)
    if isinstance(source, Run):
        views = sorted(source.capture.views, key=lambda view: natural_order(view.name))
        return _along_views(views, splats, film)
    if film.path == "capture":
        raise PromptError(f"{source} comes without a capture to film along; use --path orbit, or a file of keyframes")
    return _around_splats(splats, film)


def _check(film: Film, source: Run | Path) -> None:
    if not (math.isfinite(film.seconds) and 0 < film.seconds <= 3600 and 0 < film.fps <= 240):
        raise PromptError(
            f"a film takes up to 3600 seconds and up to 240 frames per second, got {film.seconds:g} s at "
            f"{film.fps:g}; change --seconds or --fps"
        )
    if film.size is not None and not all(16 <= side <= 8192 for side in film.size):
        raise PromptError(f"--size takes from 16 to 8192 pixels a side, got {film.size[0]}x{film.size[1]}")
    if film.up is not None and (isinstance(source, Run) or film.path != "orbit"):
        raise PromptError("--up applies only to an orbit of a splat file; here the cameras define up, so leave it out")


def _through_keyframes(path: Path, film: Film, coordinates: Coordinates) -> tuple[Camera, ...]:
    if not path.exists():
        raise PromptError(f"there is nothing at {path}; --path takes orbit, capture, or a file of keyframes")
    views = sorted(one_a_photograph(load_cameras(path, coordinates)), key=lambda view: natural_order(view.name))
    first = views[0].pinhole
    width, height = film.size or (first.width, first.height)
    try:
        return path_through([reframed(view.pinhole, width, height) for view in views], film.frames)
    except CaptureError as error:
        raise CaptureError(f"{path}: {error}") from None


def _along_views(views: Sequence[View], splats: Splats, film: Film) -> tuple[Camera, ...]:
    views = one_a_photograph(views)
    width, height = film.size or _reduced(views[0].pinhole)
    cameras = [reframed(view.pinhole, width, height) for view in views]
    if film.path == "capture":
        return path_through(path_of_views(cameras), film.frames)
    focal = float(np.median([camera.K[[0, 1], [0, 1]].mean() for camera in cameras]))
    K = centred_lens(focal, width, height)
    return orbit_of(cameras, _depth_before(cameras, splats)).cameras(film.frames, K, width, height)


def _around_splats(splats: Splats, film: Film) -> tuple[Camera, ...]:
    width, height = film.size or (TALLEST * 16 // 9, TALLEST)
    means = splats.positions.astype(np.float64)
    near = ~far_out(means)
    solid = near & (splats.opacities.detach().cpu().numpy() > SOLID)
    up = axis_of(film.up or "-y")
    focal = 0.5 * min(width, height) / math.tan(ANGLE / 2)
    K = centred_lens(focal, width, height)
    orbit = orbit_around(means[solid if solid.any() else near], up, ANGLE)
    return orbit.cameras(film.frames, K, width, height)


def _distance(cameras: Sequence[Camera]) -> float:
    """Return the median distance of a film's cameras from the point they look at."""
    positions = np.array([camera.position for camera in cameras])
    focus = focus_of(positions, np.array([camera.viewmat[2, :3] for camera in cameras]))
    return float(np.median(np.linalg.norm(positions - focus, axis=1)))


def _reduced(camera: Camera) -> tuple[int, int]:
    """Return (width, height) of a camera, reduced to at most TALLEST rows, both even as video codecs need."""
    scale = min(1.0, TALLEST / camera.height)
    width, height = (max(16, round(side * scale / 2) * 2) for side in (camera.width, camera.height))
    return width, height


@torch.no_grad()
def _depth_before(cameras: Sequence[Camera], splats: Splats) -> float | None:
    """Return the median depth in the middle of the most central camera's picture; None if nothing is there."""
    positions = np.array([camera.position for camera in cameras])
    middle = cameras[int(np.linalg.norm(positions - np.median(positions, axis=0), axis=1).argmin())]
    scale = min(1.0, 160 / middle.width)
    small = middle.scaled(scale)
    depth = render_depth(splats, small).numpy()
    # The middle half of the picture, in x and in y; 0 is a pixel that shows nothing.
    centre = depth[small.height // 4 : -(small.height // 4) or None, small.width // 4 : -(small.width // 4) or None]
    seen = centre[centre > 0]
    return float(np.median(seen)) if len(seen) else None
