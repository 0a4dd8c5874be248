"""Converts between the camera of a browser and `Camera`.

A browser reports a position, a rotation wxyz from camera axes to world axes (OpenCV's: +x right, +y down, +z forward),
a vertical field of view in radians and the size of its canvas; its pixels are square and its principal point is the
centre. A browser is moved by a `Pose`: position, point to look at, up, field of view.

Alphabet: R (3,3) camera to world; K (3,3) in pixels, the centre of pixel (0, 0) is at (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from splatseg.cameras.camera import Camera
from splatseg.scene.first_pose import Pose, lens_of, pose_of


def camera_of(wxyz: np.ndarray, position: np.ndarray, fov: float, width: int, height: int) -> Camera:
    """Return the camera of a canvas of width x height pixels. fov is vertical, in radians."""
    w, x, y, z = np.asarray(wxyz, dtype=np.float64)
    to_world = Rotation.from_quat([x, y, z, w]).as_matrix()
    place = np.asarray(position, dtype=np.float64)
    return Camera.placed(to_world, place, lens_of(fov, width, height), width, height)


def pixel_at(screen: tuple[float, float], camera: Camera) -> tuple[float, float]:
    """Return the pixel (x, y) at a screen position in 0..1 from the left and the top, moved inside the picture."""
    x = min(max(screen[0], 0.0) * camera.width, camera.width - 0.5)
    y = min(max(screen[1], 0.0) * camera.height, camera.height - 0.5)
    return x, y


def pose_at_view(camera: Camera, distance: float, aspect: float, upright: Sequence[float]) -> Pose:
    """Return the pose from which a browser of any aspect (width / height) sees all of a capture's picture.

    distance: world units to the point that the browser turns around.
    upright: the scene's up (3,). Every up in the plane of the camera's y and z axes gives the same picture; the one
    nearest to `upright` is taken, so that turning goes around the scene's axis.

    A principal point off the centre and pixels that are not square are ignored: a browser has neither.
    """
    right, down, forward = camera.viewmat[:3, :3]  # rows of the rotation: the camera's axes in the world
    up = np.asarray(upright, dtype=np.float64)
    up = up - (up @ right) * right
    length = float(np.linalg.norm(up))
    up = up / length if length > 0.0 and -up @ down > 0.05 * length else -down
    return pose_of(camera.position, camera.position + distance * forward, up, fov_for(camera, aspect))


def fov_for(camera: Camera, aspect: float) -> float:
    """Return the vertical field of view, radians, at which an aspect (width / height) holds all of a view."""
    tall = camera.height / 2.0 / camera.K[1, 1]
    wide = camera.width / 2.0 / camera.K[0, 0]
    return float(2.0 * np.arctan(max(tall, wide / aspect)))
