"""Between the camera of a browser and ours.

A browser's camera is a position, a rotation wxyz that turns camera axes into world axes (OpenCV's: +x right, +y down,
+z forward), a vertical field of view in radians and the size of its canvas; its pixels are square and its principal
point is the centre. The other way a browser is told where to stand, what to look at, which way is up, and how wide.

Alphabet: R (3,3) camera to world; K (3,3) in pixels, the centre of pixel (0, 0) is at (0.5, 0.5).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.spatial.transform import Rotation

from splatseg.cameras.camera import Camera
from splatseg.scene.first_pose import Pose, lens_of, pose_of


def camera_of(wxyz: np.ndarray, position: np.ndarray, fov: float, width: int, height: int) -> Camera:
    """The camera of a canvas of width x height pixels. fov is vertical, in radians."""
    w, x, y, z = np.asarray(wxyz, dtype=np.float64)
    to_world = Rotation.from_quat([x, y, z, w]).as_matrix()
    place = np.asarray(position, dtype=np.float64)
    return Camera.placed(to_world, place, lens_of(fov, width, height), width, height)


def pixel_at(screen: tuple[float, float], camera: Camera) -> tuple[float, float]:
    """The pixel (x, y) at a place on the screen, 0..1 from the left and the top; kept inside the picture."""
    x = min(max(screen[0], 0.0) * camera.width, camera.width - 0.5)
    y = min(max(screen[1], 0.0) * camera.height, camera.height - 0.5)
    return x, y


def pose_at_view(camera: Camera, distance: float, aspect: float, upright: Sequence[float]) -> Pose:
    """Where a browser stands to see what a capture's camera saw, all of it, whatever its own aspect (width / height).

    distance, world units: how far ahead lies what the browser turns around. upright (3,): the scene's own up. Of all up
    directions that mean the camera's orientation the nearest to it is taken, so that turning goes around the scene's
    axis. The capture's principal point may be off its centre and its pixels may not be square; a browser cannot follow.
    """
    right, down, forward = camera.viewmat[:3, :3]
    up = np.asarray(upright, dtype=np.float64)
    up = up - (up @ right) * right
    length = float(np.linalg.norm(up))
    up = up / length if length > 0.0 and -up @ down > 0.05 * length else -down
    return pose_of(camera.position, camera.position + distance * forward, up, fov_for(camera, aspect))


def fov_for(camera: Camera, aspect: float) -> float:
    """The vertical field of view, radians, with which a picture of this aspect (width / height) holds all of a view."""
    tall = camera.height / 2.0 / camera.K[1, 1]
    wide = camera.width / 2.0 / camera.K[0, 0]
    return float(2.0 * np.arctan(max(tall, wide / aspect)))
