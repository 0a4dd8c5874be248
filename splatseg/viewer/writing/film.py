"""A camera path through keyframes and its film: `capture.path_through`, as `splatseg render --path FILE` takes it.

The keyframes are written beside the film, so that it can be made again, larger or in another mode, without the viewer.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.cameras.path import path_through
from splatseg.capture.transforms_json import write_transforms
from splatseg.errors import CaptureError, PromptError
from splatseg.progress import Progress, counted
from splatseg.render.film.video import write_video
from splatseg.scene.first_pose import Pose, camera_at, pose_of
from splatseg.viewer.workspace.workspace import Workspace
from splatseg.viewer.writing.exports import frames

RATE = 30
"""Frames a second."""

SUFFIX = ".mp4"


def cameras_through(keyframes: Sequence[Pose], count: int, size: tuple[int, int]) -> tuple[Camera, ...]:
    """So many cameras of size (width, height) along the path through the keyframes, the first and the last included.

    Raises PromptError if there are not two different keyframes.
    """
    try:
        return path_through([camera_at(pose, *size) for pose in keyframes], count)
    except CaptureError:
        raise PromptError("a camera path needs two different keyframes; stand somewhere and press Add") from None


def poses_through(keyframes: Sequence[Pose], count: int) -> list[Pose]:
    """The same path for a browser to follow."""
    cameras = cameras_through(keyframes, count, (640, 480))
    ahead = [float(np.linalg.norm(np.subtract(pose.look_at, pose.position))) for pose in keyframes]
    distance = float(np.median(ahead))
    return [
        pose_of(
            camera.position,
            camera.position + distance * camera.viewmat[2, :3],
            -camera.viewmat[1, :3],
            camera.fov,
        )
        for camera in cameras
    ]


def write_film(
    workspace: Workspace,
    keyframes: Sequence[Pose],
    count: int,
    size: tuple[int, int],
    path: Path,
    progress: Progress,
) -> None:
    """Write what a workspace shows along a path as a film of `count` pictures of size (width, height), and beside it
    the keyframes, NAME.json. progress(done, total) is called after every picture. Raises as `cameras_through`."""
    cameras = cameras_through(keyframes, count, size)
    names = {f"keyframe_{number}": camera_at(pose, *size) for number, pose in enumerate(keyframes, start=1)}
    write_transforms(path.with_suffix(".json"), names)
    write_video(path, frames(workspace, counted(cameras, progress)), float(RATE))
