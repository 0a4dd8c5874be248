"""The one scene factory of the tests: small scenes, each made to show one law or one danger."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splatseg.capture.camera import Camera


@dataclass(frozen=True)
class Scene:
    """Geometry with features and the camera that sees it, in the argument order of `rasterize`."""

    means: Tensor
    quats: Tensor
    scales: Tensor
    opacities: Tensor
    features: Tensor
    camera: Camera

    @property
    def geometry(self) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        return self.means, self.quats, self.scales, self.opacities


def camera(width: int = 24, height: int = 16, focal: float = 20.0) -> Camera:
    """At the origin, looking along +z."""
    K = np.array([[focal, 0.0, width / 2], [0.0, focal, height / 2], [0.0, 0.0, 1.0]])
    return Camera(np.eye(4), K, width, height)


def cloud(
    count: int = 30,
    channels: int = 3,
    seed: int = 0,
    dtype: torch.dtype = torch.float32,
    size: float = 0.08,
    view: Camera | None = None,
) -> Scene:
    """Random Gaussians in front of the camera, of all opacities, some leaving the image."""
    rng = np.random.default_rng(seed)

    def tensor(values: np.ndarray) -> Tensor:
        return torch.tensor(values, dtype=dtype)

    depth = rng.uniform(2.0, 4.0, count)
    means = np.stack([rng.normal(0, 0.25, count) * depth, rng.normal(0, 0.2, count) * depth, depth], -1)
    return Scene(
        tensor(means),
        tensor(rng.normal(size=(count, 4))),
        tensor(size * rng.lognormal(0.0, 0.5, (count, 3))),
        tensor(rng.uniform(0.02, 1.0, count)),
        tensor(rng.normal(size=(count, channels))),
        view or camera(),
    )
