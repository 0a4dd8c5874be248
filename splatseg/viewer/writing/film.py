"""Films a workspace along a camera path through keyframes (`cameras.path.path_through`).

The keyframes are saved next to the film in the format of `splatseg render --path FILE`, which can make it again, larger
or in another mode, without the viewer.
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
"""Frames per second."""

SUFFIX = ".mp4"


def cameras_through(keyframes: Sequence[Pose], count: int, size: tuple[int, int]) -> tuple[Camera, ...]:
    """Return `count` cameras of size (width, height) along the path through the keyframes, both ends included.

    Raises PromptError if there are not two different keyframes.
    """
    try:
        return path_through([camera_at(pose, *size) for pose in keyframes], count)
    except CaptureError:
        raise PromptError("a camera path needs two different keyframes; move the camera and press Add") from None


def poses_through(keyframes: Sequence[Pose], count: int) -> list[Pose]:
    """Return `count` poses along the path through the keyframes, for a browser to follow."""
    cameras = cameras_through(keyframes, count, (640, 480))
    ahead = [float(np.linalg.norm(np.subtract(pose.look_at, pose.position))) for pose in keyframes]
    # Between keyframes only the direction is known; a browser also needs a point ahead to turn around.
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
    marked: bool = True,
) -> None:
    """Write a film of a workspace along a path, and the keyframes next to it as NAME.json.

    count: number of frames.
    size: (width, height) of the frames.
    progress: progress(done, total) is called after every frame.
    marked: with tint and outline of the selection.

    Raises as `cameras_through` does.
    """
    cameras = cameras_through(keyframes, count, size)
    own = workspace.scene.splats.coordinates
    placed = [own.camera_outwards(camera_at(pose, *size)) for pose in keyframes]
    names = {f"keyframe_{number}": camera for number, camera in enumerate(placed, start=1)}
    write_transforms(path.with_suffix(".json"), names)
    write_video(path, frames(workspace, counted(cameras, progress), marked), float(RATE))
