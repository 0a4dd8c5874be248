"""A pinhole camera.

Alphabet: viewmat (4,4) world to camera, OpenCV axes (+x right, +y down, +z forward); K (3,3) in pixels, the centre of
pixel (0, 0) is at (0.5, 0.5); points (P,3) in world units; pixels (P,2) as (x, y); depths (P,) along the optical axis.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from splatseg.arrays import check_shapes

FARTHEST = 1e17
"""Limit of coordinates in world units: their squares, and sums of some of them, must not overflow in float32."""

MOST_PIXELS = 2.0**30
"""Limit of focal lengths and principal points in pixels, a thousand times the widest picture that is read."""


@dataclass(frozen=True, eq=False)
class Camera:
    """A pinhole camera: its pose, its intrinsics and the size of its picture. Matrices become float64.

    Example:
        >>> camera = scene.view("012.jpg").camera
        >>> pixels, depths = camera.project(scene.splats.positions)
        >>> pixels.shape[1], camera.resized(80, 60).width
        (2, 80)
    """

    viewmat: np.ndarray
    """World to camera, (4,4), OpenCV axes."""

    K: np.ndarray
    """Intrinsics (3,3) in pixels; the centre of pixel (0, 0) is at (0.5, 0.5)."""

    width: int
    """Width of the picture in pixels."""

    height: int
    """Height of the picture in pixels."""

    def __post_init__(self) -> None:
        check_shapes(viewmat=(self.viewmat, "4 4"), K=(self.K, "3 3"))
        object.__setattr__(self, "viewmat", np.asarray(self.viewmat, dtype=np.float64))
        object.__setattr__(self, "K", np.asarray(self.K, dtype=np.float64))

    @classmethod
    def placed(cls, rotation: np.ndarray, position: np.ndarray, K: np.ndarray, width: int, height: int) -> Camera:
        """Return the camera at a position (3,) in the world, with a rotation (3,3) from camera to world."""
        viewmat = np.eye(4)
        viewmat[:3, :3] = rotation.T
        viewmat[:3, 3] = -rotation.T @ position
        return cls(viewmat, K, width, height)

    @property
    def position(self) -> np.ndarray:
        """Centre of projection in world coordinates, (3,)."""
        centre: np.ndarray = -self.viewmat[:3, :3].T @ self.viewmat[:3, 3]
        return centre

    @property
    def fov(self) -> float:
        """Vertical angle of view in radians, if the principal point is the centre of the picture."""
        return 2.0 * math.atan(0.5 * self.height / float(self.K[1, 1]))

    def resized(self, width: int, height: int) -> Camera:
        """Return this camera for an image resampled to width x height pixels."""
        scale = np.array([width / self.width, height / self.height, 1.0])
        return Camera(self.viewmat, self.K * scale[:, None], width, height)

    def scaled(self, share: float) -> Camera:
        """Return this camera for an image resampled to a share of its width and height, of one pixel at least."""
        return self.resized(max(1, round(self.width * share)), max(1, round(self.height * share)))

    def moved(self, x: float, y: float) -> Camera:
        """Return a camera with a moved pixel grid: it sees at (u, v) what this one sees at (u + x, v + y)."""
        K = self.K.copy()
        K[:2, 2] -= (x, y)
        return Camera(self.viewmat, K, self.width, self.height)

    def fits(self, width: int, height: int) -> bool:
        """Return True if an image of width x height can be this camera's image at another resolution.

        The aspect ratio must agree within 1 %, or within the rounding of one pixel for small images.
        """
        difference = abs(width * self.height - height * self.width)
        return difference <= max(0.01 * height * self.width, self.width, self.height)

    def project(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return pixels (P,2) and depths (P,) of world points (P,3). Pixels are valid only at positive depths."""
        # A point in camera coordinates times K is (x, y, 1) times the depth.
        local = points @ self.viewmat[:3, :3].T + self.viewmat[:3, 3]
        depths = local[:, 2]
        with np.errstate(divide="ignore", invalid="ignore"):
            pixels = (local @ self.K.T)[:, :2] / depths[:, None]
        return pixels, depths

    def unproject(self, pixels: np.ndarray, depths: np.ndarray) -> np.ndarray:
        """Return the world points (P,3) at pixels (P,2) and depths (P,): the inverse of `project`."""
        # Rays in camera coordinates at depth 1, then the inverse of the pose: its rotation is orthonormal.
        rays = np.concatenate([pixels, np.ones_like(pixels[:, :1])], axis=1) @ np.linalg.inv(self.K).T
        points: np.ndarray = (rays * depths[:, None] - self.viewmat[:3, 3]) @ self.viewmat[:3, :3]
        return points


def impossible(camera: Camera) -> str:
    """Return what of a camera no photograph can have been taken with, in a few words; empty if nothing."""
    focal, centre = (camera.K[0, 0], camera.K[1, 1]), camera.K[:2, 2]
    if not np.isfinite(camera.viewmat).all() or not np.abs(camera.viewmat).max() <= FARTHEST:
        return f"its position is more than {FARTHEST:g} units away"
    if not all(1.0 / MOST_PIXELS <= value <= MOST_PIXELS for value in focal):
        return f"its focal length is {focal[0]:g} and {focal[1]:g} pixels"
    if not np.abs(centre).max() <= MOST_PIXELS:
        return f"its principal point is at {centre[0]:g}, {centre[1]:g} pixels"
    return ""


def centred_lens(focal: float, width: int, height: int) -> np.ndarray:
    """Return K (3,3) of square pixels: the focal length in pixels, the principal point in the picture's centre."""
    return np.array([[focal, 0.0, width / 2.0], [0.0, focal, height / 2.0], [0.0, 0.0, 1.0]])
