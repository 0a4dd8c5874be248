"""Cameras around an object, and the world in which it is measured: its centre at 0, its corners within a distance of 1.

Alphabet: directions (V,3), unit vectors from the centre to the cameras, spread evenly by the golden angle (Fibonacci
lattice); low, high (3,) the corners of the object's box in that world.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch

from splatseg.cameras.camera import Camera, centred_lens
from splatseg.cameras.coordinates import Coordinates
from splatseg.cameras.orbit import looking_at
from splatseg.errors import PromptError
from splatseg.raster.interface import rasterize_middle, rasterize_plan
from splatseg.render.rgb import view_depths
from splatseg.splats.splats import Splats

DISTANCE = 4.0
"""Distance of the cameras from the centre, in radii of the object: little perspective, no near plane."""

OUTERMOST = 0.01
"""Share of the Gaussians that the first box leaves out on each side."""

SOLID = 0.5
"""Least alpha of a pixel that shows the object, that of a mask."""

LOOKS, LOOK_SIZE = 14, 96
"""Number and size in pixels of the pictures that find the box of what is solid."""


def directions(count: int) -> np.ndarray:
    """Return unit vectors (count,3) spread evenly over the sphere."""
    steps = np.arange(count) + 0.5
    z = 1.0 - 2.0 * steps / count
    turns = math.pi * (1.0 + math.sqrt(5.0)) * steps
    flat = np.sqrt(1.0 - z * z)
    return np.stack([flat * np.cos(turns), flat * np.sin(turns), z], axis=1)


def places_of(cameras: Sequence[Camera], coordinates: Coordinates) -> np.ndarray | None:
    """Return the positions (V,3) of cameras in the user's own coordinates; None without cameras."""
    return coordinates.outwards(np.stack([camera.position for camera in cameras])) if cameras else None


def camera_from(direction: np.ndarray, size: int, distance: float = DISTANCE) -> Camera:
    """Return the camera of size x size pixels in a direction (3,) of the centre, which sees the unit sphere whole."""
    focal = 0.49 * size * math.sqrt(distance**2 - 1.0)
    up = np.array([0.0, 0.0, 1.0] if abs(direction[2]) < 0.9 else [0.0, 1.0, 0.0])
    return looking_at(np.zeros(3), distance * direction, up, centred_lens(focal, size, size), size, size)


def in_own_world(splats: Splats) -> tuple[Splats, np.ndarray, np.ndarray]:
    """Return an object in the world of its own size, and the corners low, high (3,) of the box around what is solid.

    The first box is around the Gaussians, without the outermost; what is seen in it bounds the second, and that the
    third. Raises PromptError if the Gaussians are too few or too transparent to be seen as a solid thing.
    """
    own = splats.own_positions
    low, high = np.quantile(own, (OUTERMOST, 1.0 - OUTERMOST), axis=0)
    reach = float(np.median(splats.reach)) * splats.coordinates.scale
    margin = 0.1 * float(np.linalg.norm(high - low)) + 3.0 * reach
    for _ in range(2):
        object_ = splats.in_world(_world(low - margin, high + margin))
        points = _solid_points(object_)
        if len(points) < LOOKS:
            raise PromptError(
                f"{len(splats):,} Gaussians are too few or too transparent to have a surface; select more of the object"
            )
        # A few pixels may see a floater.
        low, high = np.quantile(object_.coordinates.outwards(points), (0.001, 0.999), axis=0)
        margin = 0.04 * float(np.linalg.norm(high - low)) + 1.0 * object_.coordinates.scale * 2.0 / LOOK_SIZE
    coordinates = _world(low - margin, high + margin)
    return splats.in_world(coordinates), *(coordinates.inwards(np.stack([low - margin, high + margin])))


def _world(low: np.ndarray, high: np.ndarray) -> Coordinates:
    x, y, z = ((low + high) / 2.0).tolist()
    return Coordinates((x, y, z), max(float(np.linalg.norm(high - low)) / 2.0, 1e-12))


@torch.no_grad()
def _solid_points(splats: Splats) -> np.ndarray:
    """Return points (P,3) of the surface within the unit sphere, seen by a few small pictures from all around."""
    found = []
    for direction in directions(LOOKS):
        camera = camera_from(direction, LOOK_SIZE)
        plan = splats.prepare(camera)
        depths = rasterize_middle(plan, view_depths(splats.means, camera)).cpu().numpy()
        alphas = rasterize_plan(plan, splats.means.new_ones(len(splats), 1))[1].cpu().numpy()
        rows, columns = np.nonzero((alphas > SOLID) & (depths > 0.0))
        found.append(camera.unproject(np.stack([columns, rows], axis=1) + 0.5, depths[rows, columns]))
    return np.concatenate(found)
