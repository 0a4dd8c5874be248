"""Between the camera of a browser and ours.

A browser's camera is a position, a rotation wxyz that turns camera axes into world axes (OpenCV's: +x right, +y down,
+z forward), a vertical field of view in radians and the size of its canvas; its pixels are square and its principal
point is the centre. The other way a browser is told where to stand, what to look at, which way is up, and how wide.

Alphabet: R (3,3) camera to world; K (3,3) in pixels, the centre of pixel (0, 0) is at (0.5, 0.5).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial.transform import Rotation

from splatseg.capture.camera import Camera


@dataclass(frozen=True, eq=False)
class Eye:
    """Where a browser looks from: position, look_at, up (3,), world units, and the vertical field of view, radians."""

    position: np.ndarray
    look_at: np.ndarray
    up: np.ndarray
    fov: float


def camera_of(wxyz: np.ndarray, position: np.ndarray, fov: float, width: int, height: int) -> Camera:
    """The camera of a canvas of width x height pixels. fov is vertical, in radians."""
    w, x, y, z = np.asarray(wxyz, dtype=np.float64)
    to_world = Rotation.from_quat([x, y, z, w]).as_matrix()
    viewmat = np.eye(4)
    viewmat[:3, :3] = to_world.T
    viewmat[:3, 3] = -to_world.T @ np.asarray(position, dtype=np.float64)
    focal = height / 2.0 / np.tan(fov / 2.0)
    K = np.array([[focal, 0.0, width / 2.0], [0.0, focal, height / 2.0], [0.0, 0.0, 1.0]])
    return Camera(viewmat, K, width, height)


def pixel_at(screen: tuple[float, float], camera: Camera) -> tuple[float, float]:
    """The pixel (x, y) at a place on the screen, 0..1 from the left and the top; kept inside the picture."""
    x = min(max(screen[0], 0.0) * camera.width, camera.width - 0.5)
    y = min(max(screen[1], 0.0) * camera.height, camera.height - 0.5)
    return x, y


def eye_at_view(camera: Camera, distance: float, aspect: float) -> Eye:
    """Where a browser stands to see what a capture's camera saw, all of it, whatever its own aspect (width / height).

    distance, world units: how far ahead lies what the browser turns around. The capture's principal point may be off
    its centre and its pixels may not be square; a browser cannot follow there.
    """
    right, down, forward = camera.viewmat[:3, :3]
    del right
    tall = camera.height / 2.0 / camera.K[1, 1]
    wide = camera.width / 2.0 / camera.K[0, 0]
    fov = 2.0 * np.arctan(max(tall, wide / aspect))
    return Eye(camera.position, camera.position + distance * forward, -down, float(fov))


def camera_at(eye: Eye, width: int, height: int) -> Camera:
    """The camera of width x height pixels of an eye."""
    forward = np.asarray(eye.look_at, dtype=np.float64) - eye.position
    forward = forward / np.linalg.norm(forward)
    right = np.cross(forward, eye.up)
    right = right / np.linalg.norm(right)
    axes = np.stack([right, np.cross(forward, right), forward])
    viewmat = np.eye(4)
    viewmat[:3, :3] = axes
    viewmat[:3, 3] = -axes @ eye.position
    focal = height / 2.0 / np.tan(eye.fov / 2.0)
    K = np.array([[focal, 0.0, width / 2.0], [0.0, focal, height / 2.0], [0.0, 0.0, 1.0]])
    return Camera(viewmat, K, width, height)
