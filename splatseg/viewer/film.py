"""A camera path through keyframes, and the film of it.

The path is a Catmull-Rom spline (cubic Hermite, slopes from the neighbours on both sides): it goes through every
keyframe without stopping there. Positions, what is looked at, the up direction and the field of view all follow it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
from scipy.interpolate import CubicHermiteSpline

from splatseg.errors import RunError
from splatseg.viewer.home import Pose
from splatseg.viewer.picture import picture
from splatseg.viewer.pose import camera_at, pose_of
from splatseg.viewer.workspace import Workspace

RATE = 30
"""Frames a second."""

SUFFIX = ".mp4"


def path_through(keyframes: Sequence[Pose], frames: int) -> list[Pose]:
    """So many poses along the path through two keyframes or more, the first and the last included."""
    rows = np.array([np.concatenate([pose.position, pose.look_at, pose.up, [pose.fov]]) for pose in keyframes])
    slopes = np.gradient(rows, axis=0)
    spline = CubicHermiteSpline(np.arange(len(rows)), rows, slopes)
    return [pose_of(row[:3], row[3:6], row[6:9], row[9]) for row in spline(np.linspace(0, len(rows) - 1, frames))]


def write_film(
    workspace: Workspace,
    poses: Sequence[Pose],
    size: tuple[int, int],
    path: Path,
    advance: Callable[[int, int], None],
) -> None:
    """Write what a workspace shows along a path as a video of size (width, height).

    advance(done, total) is called after every frame. Raises RunError where videos cannot be written.
    """
    try:
        video = importlib.import_module("splatseg.output.video")
    except ImportError:
        raise RunError("videos cannot be written by this installation of splatseg; take screenshots instead") from None

    def frames() -> Iterator[np.ndarray]:
        for done, pose in enumerate(poses, start=1):
            yield picture(workspace, camera_at(pose, *size))
            advance(done, len(poses))

    video.write_video(path, frames(), float(RATE))
