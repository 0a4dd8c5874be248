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
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.cameras.lens_camera import AnyCamera, LensCamera, faces_of_camera
from splatseg.errors import PromptError
from splatseg.raster.interface import DEFAULT_SETTINGS, Plan, accumulate
from splatseg.raster.rotations import rotation_matrices
from splatseg.select.session import Session, same_camera

SEEN = 0.01
"""Share of its own light that must reach the camera for a Gaussian to be seen. Chosen on a demo fit and `tabletop`, as
outlines of segments drawn as lassos: of the Gaussians taken, 0.93 and 0.93 are the segment's (0.95 and 0.94 at 0.02,
0.89 and 0.82 without a bound), and of the segment's, front and back, 0.86 and 0.56 are taken (0.83 and 0.51, 0.91 and
0.76). On another fit of the demo, 0.96 and 0.77."""


@dataclass(frozen=True, eq=False)
class Sight:
    """One picture's places of all Gaussians."""

    camera: AnyCamera
    """The camera that takes the picture."""
    centres: np.ndarray
    """(N,) int32: the place of each Gaussian's centre, -1 beside the picture and behind the camera."""
    lights: np.ndarray
    """(N,) int32: the place of what is seen of each Gaussian, -1 for those that are not seen."""

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
            last = self._last = (session.opacities, sight_of(session, camera))
        return last[1]


def sight_of(session: Session, camera: AnyCamera) -> Sight:
    """Return the places of all Gaussians in the picture of a camera; hidden ones (`Session.without`) have none."""
    splats = session.splats
    pixels, depths = camera.project(splats.positions.astype(np.float64))
    ahead = depths > 0 if isinstance(camera, Camera) else np.isfinite(pixels).all(axis=1)
    ahead &= session.opacities.numpy() > 0
    lights, seen = _seen(session, camera)
    return Sight(camera, _places(pixels, camera, ahead), _places(lights, camera, seen))


def _places(pixels: np.ndarray, camera: AnyCamera, there: np.ndarray) -> np.ndarray:
    """Return the places (N,) int32 of points (N,2) in pixels; -1 for those beside the picture or not there (N,)."""
    x, y = pixels.T
    with np.errstate(invalid="ignore"):
        there = there & (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)
        place = np.floor(y) * camera.width + np.floor(x)
    return np.where(there, place, -1).astype(np.int32)


def _seen(session: Session, camera: AnyCamera) -> tuple[np.ndarray, np.ndarray]:
    """Return where the light of each Gaussian stands, pixels (N,2), and which are seen, (N,) bool."""
    count = len(session.splats)
    summed, share = np.zeros((count, 3)), np.zeros(count, dtype=np.float32)
    for face in faces_of_camera(camera):
        plan = session.plan(face)
        found = accumulate(plan, torch.from_numpy(_coordinates(camera, face))).numpy()
        lit = np.flatnonzero(found[:, 2] > 0)
        share[lit] = np.maximum(share[lit], found[lit, 2] / _unhidden(session, plan, lit))
        summed += found
    lights = summed[:, :2] / np.maximum(summed[:, 2:], np.finfo(np.float32).tiny)
    return lights, share >= SEEN


def _coordinates(camera: AnyCamera, face: Camera) -> np.ndarray:
    """Return x, y in the photograph, and 1, at every pixel of a face: (h,w,3) float32; zeros beside the photograph."""
    grid = np.stack(np.meshgrid(np.arange(face.width) + 0.5, np.arange(face.height) + 0.5), axis=-1)
    if isinstance(camera, LensCamera):
        rays = face.unproject(grid.reshape(-1, 2), np.ones(face.width * face.height))
        grid = camera.project(rays)[0].reshape(grid.shape)
    x, y = grid[..., 0], grid[..., 1]
    with np.errstate(invalid="ignore"):
        there = (x >= 0) & (y >= 0) & (x < camera.width) & (y < camera.height)
    of_all = np.concatenate([grid, np.ones_like(grid[..., :1])], axis=-1)
    return np.where(there[..., None], of_all, 0.0).astype(np.float32)


@torch.no_grad()
def _unhidden(session: Session, plan: Plan, which: np.ndarray) -> np.ndarray:
    """Return the weight (K,) that Gaussians, by their numbers (K,), would have in all pixels with nothing in front."""
    chosen, camera = torch.from_numpy(which), plan.camera
    splats = session.splats
    view = torch.from_numpy(camera.viewmat).float()
    means, scales = splats.means.detach()[chosen], session.scales[chosen]
    x, y, z = (means[:, 0] * row[0] + means[:, 1] * row[1] + means[:, 2] * row[2] + row[3] for row in view[:3])
    z = z.clamp(min=DEFAULT_SETTINGS.near)
    rotations = rotation_matrices(torch.nn.functional.normalize(splats.quats.detach()[chosen], dim=1))
    xx = xy = yy = torch.zeros(())
    for axis in range(3):
        # One axis of the Gaussian as the camera sees it, then on the picture: its part of the covariance.
        a, b, c = (sum(rotations[:, k, axis] * row[k] for k in range(3)) * scales[:, axis] for row in view[:3])
        right = float(camera.K[0, 0]) * (a - x / z * c) / z
        down = float(camera.K[1, 1]) * (b - y / z * c) / z
        xx, xy, yy = xx + right * right, xy + right * down, yy + down * down
    blur = DEFAULT_SETTINGS.eps2d
    area = ((xx + blur) * (yy + blur) - xy * xy).clamp(min=blur * blur).sqrt() * (2.0 * math.pi)
    light: np.ndarray = (area * (session.opacities[chosen] - DEFAULT_SETTINGS.alpha_min)).clamp(min=1e-9).numpy()
    return light


def _same(one: AnyCamera, other: AnyCamera) -> bool:
    if isinstance(one, Camera) and isinstance(other, Camera):
        return same_camera(one, other)
    return one is other
