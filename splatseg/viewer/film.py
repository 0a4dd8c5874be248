"""A camera path through keyframes, and the film of it.

The path is a Catmull-Rom spline (cubic Hermite, slopes from the neighbours on both sides): it goes through every
keyframe without stopping there. Positions, what is looked at, the up direction and the field of view all follow it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from splatseg.viewer.exports import export_frames, frames
from splatseg.viewer.home import Pose
from splatseg.viewer.pose import camera_at, pose_of
from splatseg.viewer.workspace import Workspace

RATE = 30
"""Frames a second."""


def path_through(keyframes: Sequence[Pose], frames: int) -> list[Pose]:
    """So many poses along the path through two keyframes or more, the first and the last included."""
    rows = np.array([np.concatenate([pose.position, pose.look_at, pose.up, [pose.fov]]) for pose in keyframes])
    slopes = np.gradient(rows, axis=0)
    spline = CubicHermiteSpline(np.arange(len(rows)), rows, slopes)
    return [pose_of(row[:3], row[3:6], row[6:9], row[9]) for row in spline(np.linspace(0, len(rows) - 1, frames))]


def film_suffix() -> str:
    """ ".mp4" where films can be written, else "": a folder of pictures."""
    return ".mp4" if _video() is not None else ""


def write_film(
    workspace: Workspace, poses: Sequence[Pose], size: tuple[int, int], path: Path, advance: Callable[[int, int], None]
) -> None:
    """Write what a workspace shows along a path, pictures of size (width, height), as a film; without a suffix as a
    folder of pictures. advance(done, total) is called after every one."""
    cameras = [camera_at(pose, *size) for pose in poses]
    video = _video()
    if video is None or not path.suffix:
        export_frames(workspace, cameras, path, advance)
        return

    def counted() -> Iterator[np.ndarray]:
        for done, image in enumerate(frames(workspace, cameras)):
            advance(done, len(cameras))
            yield image

    video.write_video(path, counted(), float(RATE))


def _video() -> Any:
    """The module that writes films, if this installation has it."""
    try:
        return importlib.import_module("splatseg.output.video")
    except ImportError:
        return None
