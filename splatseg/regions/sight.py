"""Sight: where the Gaussians stand in a picture, and which of them are seen there.

A Gaussian's centre stands at the pixel that it projects to. What of it is seen is the blending weight that it has in
all pixels, w; its light stands at their weighted mean. It counts as seen if w is at least a share `SEEN` of what it
would have with nothing in front of it,

    u = (opacity - 1/255) * 2 pi sqrt(det S)        S: its projected covariance with the low-pass filter

which is the sum over all pixels of its alpha, where that is at least 1/255. So 'only what is visible' takes Gaussians
by the pixels that show them, and nothing behind a wall; 'through everything' takes them by their centres.

Alphabet: N Gaussians; H x W pixels of the photograph; a place is the number of a pixel, row * W + column, -1 = none.
"""

from __future__ import annotations

import math
import threading
from functools import cached_property

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens_camera import AnyCamera, LensCamera, faces_of_camera
from splatseg.errors import PromptError
from splatseg.raster.interface import DEFAULT_SETTINGS, accumulate
from splatseg.raster.rotations import rotation_matrices
from splatseg.select.session import Session, same_camera

SEEN = 0.01
"""Share of its own light that must reach the camera for a Gaussian to be seen. Chosen on a demo fit and `tabletop`,
with outlines of segments drawn as lassos (`bench_regions.py --accuracy`): of the Gaussians taken, 0.92 and 0.94 are the
segment's, and of the segment's, front and back, 0.84 and 0.57 are taken. Twice the share loses 0.04 of the latter for
0.01 of the former; without a bound the former falls by 0.04 and 0.12. Figures of other scenes are in RESULTS.md."""


class Sight:
    """One picture's places of all Gaussians; each kind of place is computed on first use. Threads may share it.

    Attributes:
        camera: The camera that takes the picture.
    """

    def __init__(self, session: Session, camera: AnyCamera) -> None:
        """session: the Gaussians; those that it hides (`Session.without`) have no place."""
        self.camera: AnyCamera = camera
        self._session = session
        self._lock = threading.Lock()

    @property
    def centres(self) -> np.ndarray:
        """(N,) int32: the place of each Gaussian's centre, -1 beside the picture and behind the camera."""
        with self._lock:
            return self._centres

    @property
    def lights(self) -> np.ndarray:
        """(N,) int32: the place of what is seen of each Gaussian, -1 for those that are not seen."""
        with self._lock:
            return self._lights

    @cached_property
    def _centres(self) -> np.ndarray:
        x, y, ahead = _projected(self._session.splats.positions.astype(np.float64), self.camera)
        ahead &= self._session.opacities.numpy() > 0
        return _places(x, y, self.camera, ahead)

    @cached_property
    def _lights(self) -> np.ndarray:
        summed, seen = _seen(self._session, self.camera)
        # Of those that are seen, mostly the fewer: passes over all take longer than the strokes.
        rows = np.flatnonzero(seen)
        weights = np.maximum(summed[rows, 2], np.finfo(np.float32).tiny)
        x, y = (summed[rows, axis] / weights for axis in (0, 1))
        lights = np.full(len(seen), -1, np.int32)
        lights[rows] = _places(x, y, self.camera, np.ones(len(rows), dtype=bool))
        return lights

    def look(self, visible: bool) -> None:
        """Compute what `inside` needs."""
        _ = self.lights if visible else self.centres

    def inside(self, region: np.ndarray, visible: bool) -> np.ndarray:
        """Return the Gaussians (N,) bool in a region (H,W) bool of the picture.

        visible: those whose light stands in it, else those whose centre does, however many others are in front.

        Raises PromptError for a region of another size.
        """
        if region.shape != (self.camera.height, self.camera.width):
            size = "x".join(str(side) for side in region.shape[::-1])
            raise PromptError(
                f"the region has {size} pixels, the view {self.camera.width}x{self.camera.height}; resize the region"
            )
        # A last False: that is where the place -1 points.
        flat = np.append(np.ascontiguousarray(region, dtype=bool).ravel(), False)
        taken: np.ndarray = flat[self.lights if visible else self.centres]
        return taken


class Sights:
    """The sight of the last camera, kept: strokes come one after another in one picture. Threads may share it."""

    def __init__(self) -> None:
        self._last: tuple[Tensor, Sight] | None = None

    def sight(self, session: Session, camera: AnyCamera) -> Sight:
        """Return the sight of a camera on the Gaussians that a session shows."""
        last = self._last
        if last is None or last[0] is not session.opacities or not _same(last[1].camera, camera):
            last = self._last = (session.opacities, Sight(session, camera))
        return last[1]


def _projected(points: np.ndarray, camera: AnyCamera) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return x and y (N,) in pixels of points (N,3), and which lie before the camera or in the lens's sight, (N,)."""
    if isinstance(camera, LensCamera):
        x, y = camera.project(points)[0].T
        return x, y, np.isfinite(x) & np.isfinite(y)
    # As `Camera.project`, in one product: this is most of the time of a first stroke.
    x, y, depths = _moved(camera.K @ camera.viewmat[:3], points)
    ahead = depths > 0
    with np.errstate(divide="ignore", invalid="ignore"):
        return x / depths, y / depths, ahead


def _places(x: np.ndarray, y: np.ndarray, camera: AnyCamera, there: np.ndarray) -> np.ndarray:
    """Return the places (N,) int32 of x and y (N,) in pixels; -1 for those beside the picture or not there (N,)."""
    with np.errstate(invalid="ignore"):
        there = there & (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)
        place = np.floor(y) * camera.width + np.floor(x)
    return np.where(there, place, -1).astype(np.int32)


def _seen(session: Session, camera: AnyCamera) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights of each Gaussian, times x, times y and alone, (N,3), and which are seen, (N,) bool."""
    summed, seen = None, np.zeros(len(session.splats), dtype=bool)
    for face in faces_of_camera(camera):
        plan = session.plan(face)
        found = accumulate(plan, torch.from_numpy(_coordinates(camera, face))).numpy()
        lit = np.flatnonzero(found[:, 2] > 0)
        seen[lit] |= _is_seen(session, plan.camera, lit, found[lit, 2])
        summed = found if summed is None else summed + found
    assert summed is not None, "a camera has a face at least"
    return summed, seen


def _coordinates(camera: AnyCamera, face: Camera) -> np.ndarray:
    """Return x, y in the photograph, and 1, at every pixel of a face: (h,w,3) float32; zeros beside the photograph."""
    grid = np.ones((face.height, face.width, 3), dtype=np.float32)
    grid[..., 0], grid[..., 1] = np.arange(face.width) + 0.5, np.arange(face.height)[:, None] + 0.5
    if isinstance(camera, LensCamera):
        places = grid[..., :2].reshape(-1, 2).astype(np.float64)
        grid[..., :2] = camera.project(face.unproject(places, np.ones(len(places))))[0].reshape(grid[..., :2].shape)
        x, y = grid[..., 0], grid[..., 1]
        with np.errstate(invalid="ignore"):
            grid[~((x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height))] = 0.0
    return grid


def _is_seen(session: Session, camera: Camera, which: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Tell of Gaussians, by their numbers (K,), whether their weights (K,) are enough to count as seen: (K,) bool."""
    # A bound from above on what they would have is cheap and decides most of them.
    seen: np.ndarray = weights >= SEEN * _most(session, camera, which)
    left = np.flatnonzero(~seen)
    seen[left] = weights[left] >= SEEN * _unhidden(session, camera, which[left])
    return seen


def _in_camera(session: Session, camera: Camera, which: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return x / z, y / z and z (K,) of Gaussians in the camera's axes, and their scales (K,3)."""
    x, y, z = _moved(camera.viewmat[:3], session.splats.positions[which])
    z = np.maximum(z, np.float32(DEFAULT_SETTINGS.near))
    return x / z, y / z, z, session.scales[which]


def _moved(matrix: np.ndarray, points: np.ndarray) -> tuple[np.ndarray, ...]:
    """Return the coordinates (K,) of points (K,3) moved by a matrix (3,4), of the points' type.

    Not a product of matrices: its threads would wait for each other on a busy machine.
    """
    x, y, z = np.ascontiguousarray(points.T)
    kind = points.dtype.type
    return tuple(kind(a) * x + kind(b) * y + kind(c) * z + kind(d) for a, b, c, d in matrix)


def _most(session: Session, camera: Camera, which: np.ndarray) -> np.ndarray:
    """Return a bound from above on `_unhidden`, by the two largest scales a and b of each Gaussian.

    The projection stretches by at most p = (f / z) sqrt(1 + x^2 / z^2 + y^2 / z^2) along one way and by f / z across
    it, so det S <= (p f / z a b)^2 and trace S <= p^2 (a^2 + b^2).
    """
    x, y, z, scales = _in_camera(session, camera, which)
    first, second, third = scales.T
    a = np.maximum(np.maximum(first, second), third)
    b = np.maximum(np.minimum(first, second), np.minimum(np.maximum(first, second), third))
    across = np.square(np.float32(max(camera.K[0, 0], camera.K[1, 1])) / z)
    stretch = across * (1.0 + x * x + y * y)
    return _light(session, which, stretch * across * np.square(a * b), stretch * (a * a + b * b))


def _unhidden(session: Session, camera: Camera, which: np.ndarray) -> np.ndarray:
    """Return the weight (K,) that Gaussians, by their numbers (K,), would have in all pixels with nothing in front."""
    x, y, z, scales = _in_camera(session, camera, which)
    quats = session.splats.quats.detach()[torch.from_numpy(which)].double()
    rotations = rotation_matrices(torch.nn.functional.normalize(quats, dim=1)).numpy()
    turn = np.concatenate([camera.viewmat[:3, :3], np.zeros((3, 1))], axis=1)
    xx, xy, yy = np.zeros((3, len(which)))
    for axis in range(3):
        # One axis of the Gaussian as the camera sees it, then on the picture: its part of the covariance.
        a, b, c = (each * scales[:, axis] for each in _moved(turn, rotations[:, :, axis]))
        right, down = camera.K[0, 0] * (a - x * c) / z, camera.K[1, 1] * (b - y * c) / z
        xx, xy, yy = xx + right * right, xy + right * down, yy + down * down
    return _light(session, which, np.maximum(xx * yy - xy * xy, 0.0), xx + yy)


def _light(session: Session, which: np.ndarray, det: np.ndarray, trace: np.ndarray) -> np.ndarray:
    """Return the sum (K,) over all pixels of the alphas of Gaussians, from the covariances of their projections."""
    blur = DEFAULT_SETTINGS.eps2d
    area = np.sqrt(det + blur * trace + blur * blur) * np.float32(2.0 * math.pi)
    light: np.ndarray = area * (session.opacities.numpy()[which] - np.float32(DEFAULT_SETTINGS.alpha_min))
    return light


def _same(one: AnyCamera, other: AnyCamera) -> bool:
    if isinstance(one, Camera) and isinstance(other, Camera):
        return same_camera(one, other)
    return one is other
