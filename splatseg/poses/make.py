"""A capture from photographs or a video that have no poses: `splatseg capture`."""

from __future__ import annotations

from pathlib import Path

from splatseg.cameras.lens_models import MODELS
from splatseg.capture.images import VIDEO_SUFFIXES
from splatseg.errors import CaptureError
from splatseg.plain_text import first_few
from splatseg.poses.child import require_pycolmap
from splatseg.poses.pairs import usual_matching
from splatseg.poses.photographs import find_photographs, put_photographs
from splatseg.poses.reconstruct import ENOUGH, Reconstructed, reconstruct
from splatseg.poses.request import CaptureRequest
from splatseg.poses.stages import Stages
from splatseg.poses.video import frames_of_video
from splatseg.run.reporter import NullReporter, Reporter, Summary

TOLD = 5
"""Photographs without a pose that are named one by one; all are in poses.json."""


def make_capture(
    source: Path, output: Path, request: CaptureRequest | None = None, reporter: Reporter | None = None
) -> Summary:
    """Make a capture of a folder of photographs, or of a video, in `output`; return a summary.

    Started again it goes on where it was stopped.

    Raises CaptureError for photographs or a video that cannot be read, and if no poses come out; BackendError without
    pycolmap.
    """
    request, reporter = request or CaptureRequest(), reporter or NullReporter()
    if request.camera not in MODELS or request.camera == "EQUIRECTANGULAR":
        raise CaptureError(
            f"--camera {request.camera} is no lens that poses are found for; take one of "
            f"{', '.join(name for name in MODELS if name != 'EQUIRECTANGULAR')}"
        )
    require_pycolmap()
    if not source.exists():
        raise CaptureError(f"there is no {source}; give a folder of photographs, or a video")
    if output.exists() and not output.is_dir():
        raise CaptureError(f"{output} is a file, not a folder; name another place with -o")
    is_video = source.is_file()
    if is_video and source.suffix.lower() not in VIDEO_SUFFIXES:
        raise CaptureError(
            f"{source} is neither a folder of photographs nor a video ({', '.join(VIDEO_SUFFIXES)}); give one of them"
        )
    images = output / "images"
    if is_video:
        with reporter.stage("frames", 0) as advance:
            files = frames_of_video(source, images, request.frames, advance)
        root = images
    else:
        files, root = find_photographs(source, apart_from=output), source
    with reporter.stage("photographs", len(files)) as advance:
        photographs = put_photographs(files, root, images, advance)
    matching = request.matching
    if matching == "auto":
        matching = "sequential" if is_video else usual_matching(len(photographs))
    with Stages(reporter) as stages:
        found = reconstruct(output, photographs, request.camera, matching, stages)
    _tell(found, reporter)
    text = (
        f"{found.registered} of {found.total} photographs have poses, {found.points:,} points, {found.error:.2f} px; "
        f"wrote {output}"
    )
    figures = {"posed": found.registered, "photographs": found.total, "points": found.points, "pixels": found.error}
    return Summary(text, **figures, output=output)


def _tell(found: Reconstructed, reporter: Reporter) -> None:
    for row in found.left_out[:TOLD]:
        reporter.warn(f"{row.name} has no pose: {row.reason}")
    if len(found.left_out) > TOLD:
        rest = [row.name for row in found.left_out[TOLD:]]
        reporter.warn(f"{len(rest)} more have no pose ({first_few(rest)}); poses/poses.json says why")
    if found.registered < ENOUGH * found.total:
        reporter.warn(
            f"only {found.registered} of {found.total} photographs belong together; what follows will show a part of "
            "the scene"
        )
