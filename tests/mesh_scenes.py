"""Splats whose surface is known, and the silhouette of a mesh, for the tests of meshes."""

from __future__ import annotations

import math

import numpy as np
import torch
from PIL import Image, ImageDraw

from splatseg.cameras.camera import Camera
from splatseg.mesh.around import directions
from splatseg.mesh.mesh import Mesh
from splatseg.splats.activations import to_opacity_logits
from splatseg.splats.splats import Splats


def shell(points: np.ndarray, normals: np.ndarray, spread: float, thickness: float, colors: np.ndarray) -> Splats:
    """Flat, opaque Gaussians at points (N,3) across normals (N,3), in colours (N,3) of 0..1."""
    count = len(points)
    z = np.array([0.0, 0.0, 1.0])
    axes = np.cross(z, normals)
    cosine = normals @ z
    quats = np.concatenate([1.0 + cosine[:, None], axes], axis=1)
    quats[cosine < -0.9999] = (0.0, 1.0, 0.0, 0.0)
    return Splats(
        means=torch.tensor(points, dtype=torch.float32),
        quats=torch.tensor(quats, dtype=torch.float32),
        log_scales=torch.tensor(np.tile(np.log([spread, spread, thickness]), (count, 1)), dtype=torch.float32),
        opacity_logits=to_opacity_logits(torch.full((count,), 0.95)),
        sh0=torch.tensor((colors - 0.5) / 0.2820948, dtype=torch.float32),
        shN=torch.zeros(count, 0, 3),
    )


def ball(radius: float = 1.0, centre: tuple[float, float, float] = (0.0, 0.0, 0.0), count: int = 6000) -> Splats:
    """A ball, red on the side of +x and blue on the other."""
    around = directions(count)
    colors = np.where(around[:, :1] > 0, [[0.9, 0.1, 0.1]], [[0.1, 0.1, 0.9]])
    spread = 0.7 * radius * math.sqrt(4 * math.pi / count)
    return shell(radius * around + centre, around, spread, 0.002 * radius, colors)


def box(sides: tuple[float, float, float] = (1.0, 0.6, 0.4), step: float = 0.02) -> Splats:
    """A green box around the origin."""
    points, normals = [], []
    for axis in range(3):
        u, v = (other for other in range(3) if other != axis)
        a, b = (np.arange(-sides[k] / 2 + step / 2, sides[k] / 2, step) for k in (u, v))
        grid = np.stack(np.meshgrid(a, b), -1).reshape(-1, 2)
        for sign in (-1.0, 1.0):
            place, normal = np.zeros((len(grid), 3)), np.zeros((len(grid), 3))
            place[:, u], place[:, v], place[:, axis] = grid[:, 0], grid[:, 1], sign * sides[axis] / 2
            normal[:, axis] = sign
            points.append(place)
            normals.append(normal)
    whole = np.concatenate(points)
    return shell(whole, np.concatenate(normals), 0.6 * step, 0.05 * step, np.tile([0.1, 0.8, 0.2], (len(whole), 1)))


def silhouette(mesh: Mesh, camera: Camera, samples: int = 4) -> np.ndarray:
    """The pixels (H,W) bool that a mesh covers by more than half, drawn triangle by triangle."""
    picture = Image.new("1", (camera.width * samples, camera.height * samples))
    draw = ImageDraw.Draw(picture)
    pixels, _ = camera.project(mesh.vertices)
    for triangle in (pixels * samples - 0.5)[mesh.faces]:
        draw.polygon([tuple(corner) for corner in triangle.tolist()], fill=1, outline=1)
    fine = np.array(picture).reshape(camera.height, samples, camera.width, samples)
    covered: np.ndarray = fine.mean((1, 3)) > 0.5
    return covered


def overlap(one: np.ndarray, other: np.ndarray) -> float:
    """Intersection over union of two masks (H,W) bool."""
    return float((one & other).sum() / max((one | other).sum(), 1))
