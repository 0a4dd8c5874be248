"""Photographs of a corner of a room covered with random patterns, with exact poses: features are found everywhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from splatseg.cameras.camera import Camera, centred_lens

WIDTH, HEIGHT, FOCAL = 400, 300, 380.0
PLANES = (
    # origin, and two directions of unit length along the plane
    ((-3.0, 1.0, 0.0), (1.0, 0.0, 0.0), (0.0, 0.0, 1.0)),
    ((-3.0, -2.0, 5.0), (1.0, 0.0, 0.0), (0.0, 1.0, 0.0)),
    ((-3.0, -2.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
    ((3.0, -2.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)),
)


def cameras(count: int) -> list[Camera]:
    """Cameras on an arc that look at the corner, `count` of them."""
    found = []
    for angle in np.linspace(-0.45, 0.45, count):
        position = np.array([2.2 * np.sin(angle), -0.5 - 0.2 * np.cos(5 * angle), 0.4 - 0.5 * np.cos(angle)])
        ahead = np.array([0.0, 0.1, 4.0]) - position
        ahead /= np.linalg.norm(ahead)
        right = np.cross([0.0, 1.0, 0.0], ahead)
        right /= np.linalg.norm(right)
        rotation = np.stack([right, np.cross(ahead, right), ahead], axis=1)
        found.append(Camera.placed(rotation, position, centred_lens(FOCAL, WIDTH, HEIGHT), WIDTH, HEIGHT))
    return found


def photograph(camera: Camera, seed: int = 0) -> np.ndarray:
    """The picture (H,W,3) uint8 of a camera; the seed chooses the patterns."""
    x, y = np.meshgrid(np.arange(camera.width) + 0.5, np.arange(camera.height) + 0.5)
    pixels = np.stack([x.ravel(), y.ravel()], axis=1)
    points = camera.unproject(pixels, np.ones(len(pixels)))
    rays, nearest = points - camera.position, np.full(len(pixels), np.inf)
    picture = np.full((len(pixels), 3), 128.0)
    for number, (origin, along, up) in enumerate(np.array(PLANES)):
        normal = np.cross(along, up)
        with np.errstate(divide="ignore", invalid="ignore"):
            distance = ((origin - camera.position) @ normal) / (rays @ normal)
        there = camera.position + distance[:, None] * rays - origin
        u, v = there @ along, there @ up
        hit = (distance > 0) & (distance < nearest) & (u >= 0) & (u < 8) & (v >= 0) & (v < 6)
        nearest[hit] = distance[hit]
        picture[hit] = _pattern(seed * 10 + number)[(v[hit] * 90).astype(int), (u[hit] * 90).astype(int)]
    return picture.reshape(camera.height, camera.width, 3).round().astype(np.uint8)


def _pattern(seed: int) -> np.ndarray:
    """Blotches of several sizes, (540,720,3)."""
    rng = np.random.default_rng(seed)
    total = np.zeros((540, 720, 3))
    for size in (4, 9, 20):
        coarse = rng.uniform(0, 1, (-(-540 // size), -(-720 // size), 3))
        total += coarse.repeat(size, axis=0).repeat(size, axis=1)[:540, :720]
    return 20 + 72 * total


def write_photographs(folder: Path, count: int = 10) -> list[Camera]:
    """Write photographs 00.jpg, 01.jpg, ... into a folder and return their cameras."""
    folder.mkdir(parents=True, exist_ok=True)
    found = cameras(count)
    for number, camera in enumerate(found):
        Image.fromarray(photograph(camera)).save(folder / f"{number:02d}.jpg", quality=95)
    return found
