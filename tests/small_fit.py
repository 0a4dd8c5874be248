"""A fit of a few dozen Gaussians, whose truth is known: its settings, and the capture that it is of."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scenes
import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.capture.capture import Capture
from splatseg.capture.view import View
from splatseg.files import write_png
from splatseg.render.rgb import render_rgb
from splatseg.splats.initialise import splats_from_points
from splatseg.train.settings import TrainSettings

SETTINGS = TrainSettings(
    iterations=40,
    report_every=1,
    checkpoint_every=10,
    sh_every=10,
    densify_from=5,
    densify_until=30,
    densify_every=5,
    reset_every=20,
    coarse_until=0,
    grow_gradient=1e-6,
    max_gaussians=40,
    prune_opacity=0.001,
    prune_scale=0.0,
    surroundings=0,
)


class Twin:
    """A joint objective as simple as can be: features should be 1 wherever something is seen."""

    channels = 2
    learning_rate = 0.01

    def initial_features(self, count: int) -> Tensor:
        return torch.zeros(count, 2)

    def due(self, step: int) -> bool:
        return step % 3 == 0

    def loss(self, step: int, view: View, rendered: Tensor, means: Tensor, features: Tensor) -> Tensor:
        assert rendered.shape == (view.camera.height, view.camera.width, 2)
        return (rendered - 1.0).square().mean()


def cloud_capture(folder: Path) -> Capture:
    """Four views of a small cloud, with its own centres as points; their photographs are written to the folder."""
    scene = scenes.cloud(25, seed=3, size=0.2)
    rng = np.random.default_rng(0)
    colors = rng.integers(0, 256, (25, 3), dtype=np.uint8)
    truth = splats_from_points(scene.means.numpy(), colors, 0)
    truth = truth.replace(log_scales=scene.scales.log(), opacity_logits=torch.full((25,), 2.0), quats=scene.quats)
    views = []
    for i in range(4):
        viewmat = np.eye(4)
        viewmat[0, 3] = 0.2 * (i - 1.5)
        camera = Camera(viewmat, scene.camera.K, scene.camera.width, scene.camera.height)
        path = folder / f"{i}.png"
        write_png(path, (render_rgb(truth, camera).clamp(0, 1).numpy() * 255).round().astype(np.uint8))
        views.append(View(path.name, camera, path))
    return Capture(folder, tuple(views), scene.means.numpy(), colors, frozenset())
