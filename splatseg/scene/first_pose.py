"""The first pose to look at a scene from.

With a capture, up is the mean of its cameras' up; without one it is guessed from the splat (`splats.floor`).

Alphabet: N Gaussians; places in world units; fov vertical, radians.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from splatseg.cameras.camera import Camera, centred_lens
from splatseg.cameras.orbit import looking_at
from splatseg.capture.view import View
from splatseg.splats.floor import guessed_up
from splatseg.splats.preview import outside
from splatseg.splats.splats import Splats

Point = tuple[float, float, float]

USUAL_FOV = math.radians(50.0)


@dataclass(frozen=True)
class Pose:
    """A place to look from, and a direction."""

    position: Point
    """The camera's centre, world units."""
    look_at: Point
    """The point in the middle of the picture."""
    up: Point
    """Unit vector that points up in the picture, not quite at a right angle to the direction."""
    fov: float
    """Vertical field of view, radians."""


def home_of_views(views: Sequence[View], splats: Splats) -> Pose:
    """Return the pose of the view in the middle of the path, looking at a point at the distance of the scene."""
    camera = views[len(views) // 2].pinhole
    up = -np.mean([view.pinhole.viewmat[1, :3] for view in views], axis=0)
    length = float(np.linalg.norm(up))
    # Cameras all around a thing, upside down as well, have no up in common.
    up = up / length if length > 0.1 else -camera.viewmat[1, :3]
    pixels, depths = camera.project(splats.positions.astype(np.float64))
    middle = np.abs(pixels - (camera.width / 2, camera.height / 2)).max(1) < camera.height / 4
    ahead = depths[middle & (depths > 0)]
    distance = float(np.median(ahead)) if len(ahead) else 1.0
    look_at = camera.position + distance * camera.viewmat[2, :3]
    return pose_of(camera.position, look_at, up, camera.fov)


def home_of_splats(splats: Splats, up: np.ndarray | None = None) -> Pose:
    """Return a pose to the side and a little above, far enough away to see most of the splat. up (3,): None guesses."""
    up = guessed_up(splats) if up is None else up
    position, middle = outside(splats.positions, USUAL_FOV, up)
    return pose_of(position, middle, up, USUAL_FOV)


def pose_of(position: np.ndarray, look_at: np.ndarray, up: np.ndarray, fov: float) -> Pose:
    """Make a pose of arrays (3,)."""
    return Pose(point_of(position), point_of(look_at), point_of(up), float(fov))


def camera_at(pose: Pose, width: int, height: int) -> Camera:
    """Return the camera of width x height pixels of a pose."""
    look_at, position, up = (np.array(point) for point in (pose.look_at, pose.position, pose.up))
    return looking_at(look_at, position, up, lens_of(pose.fov, width, height), width, height)


def lens_of(fov: float, width: int, height: int) -> np.ndarray:
    """Return K (3,3) of square pixels for a vertical field of view in radians."""
    return centred_lens(height / 2.0 / np.tan(fov / 2.0), width, height)


def axis_of(direction: str) -> np.ndarray:
    """Return the unit vector (3,) of a direction: x, -x, y, -y, z or -z."""
    axis = np.zeros(3)
    axis["xyz".index(direction[-1])] = -1.0 if direction.startswith("-") else 1.0
    return axis


def point_of(values: np.ndarray) -> Point:
    """Return an array (3,) as a point."""
    x, y, z = (float(value) for value in values)
    return x, y, z
