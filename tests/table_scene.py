"""A table of flat Gaussians with colours that change along it, and a ball on it under which the table is missing."""

from __future__ import annotations

import numpy as np
import torch
from scenes import ring

from splatseg.cameras.camera import Camera
from splatseg.splats.activations import to_sh0
from splatseg.splats.splats import Splats

SPACING = 0.05
RADIUS = 0.3
TABLE, BALL = 1, 2


def color_at(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    """The colours (N,3) of the table: red grows along x, green along z."""
    return np.stack([0.5 + 0.25 * x, 0.5 + 0.25 * z, np.full_like(x, 0.3)], 1)


def table(half: float = 1.2) -> Splats:
    """The plane y = 0 (-y is up), of discs that overlap."""
    x, z = (axis.ravel() for axis in np.meshgrid(*[np.arange(-half, half + 1e-6, SPACING)] * 2))
    means = np.stack([x, np.zeros_like(x), z], 1)
    return _splats(means, (0.6 * SPACING, 0.05 * SPACING, 0.6 * SPACING), color_at(x, z), TABLE)


def ball(x: float = 0.0, z: float = 0.0, above: float = 0.0) -> Splats:
    """A blue ball over (x, z), so high above the table."""
    rng = np.random.default_rng(0)
    directions = rng.normal(size=(800, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    means = RADIUS * directions + (x, -RADIUS - above, z)
    return _splats(means, (0.03, 0.03, 0.03), np.tile((0.1, 0.1, 0.9), (800, 1)), BALL)


def together(*parts: Splats) -> tuple[Splats, np.ndarray]:
    """All parts in one splat, and the members (N,) bool of the ball."""
    fields = ("means", "quats", "log_scales", "opacity_logits", "sh0", "shN", "segment_ids")
    splats = Splats(**{name: torch.cat([getattr(part, name) for part in parts]) for name in fields})
    assert splats.segment_ids is not None
    return splats, (splats.segment_ids == BALL).numpy()


def without_circle(splats: Splats, radius: float, x: float = 0.0, z: float = 0.0) -> Splats:
    """The table without the Gaussians around (x, z)."""
    away = np.hypot(splats.positions[:, 0] - x, splats.positions[:, 2] - z)
    return splats.subset(away >= radius)


def black_circle(radius: float) -> Splats:
    """Black Gaussians of the table, such as a fit leaves where no photograph looks."""
    inner = table(radius)
    return inner.replace(sh0=to_sh0(torch.zeros_like(inner.sh0)))


def cameras() -> list[Camera]:
    """Cameras around the table, above it."""
    tilted = []
    for camera in ring(6, 3.0, 96, 72, 80.0):
        angle = 0.6
        turn = np.array(
            [[1, 0, 0], [0, np.cos(angle), -np.sin(angle)], [0, np.sin(angle), np.cos(angle)]], dtype=np.float64
        )
        viewmat = camera.viewmat.copy()
        viewmat[:3, :3] = turn @ viewmat[:3, :3]
        tilted.append(Camera(viewmat, camera.K, camera.width, camera.height))
    return tilted


def _splats(means: np.ndarray, scales: tuple[float, float, float], colors: np.ndarray, segment: int) -> Splats:
    count = len(means)
    return Splats(
        means=torch.tensor(means, dtype=torch.float32),
        quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(count, 1),
        log_scales=torch.tensor(np.log(scales), dtype=torch.float32).repeat(count, 1),
        opacity_logits=torch.full((count,), 4.0),
        sh0=to_sh0(torch.tensor(colors, dtype=torch.float32)),
        shN=torch.zeros(count, 3, 3),
        segment_ids=torch.full((count,), segment, dtype=torch.int32),
    )
