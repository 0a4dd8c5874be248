"""A capture whose photographs' exposure and white balance drift as much as is asked for."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import scenes
import torch

from splatseg.capture.capture import Capture
from splatseg.capture.view import View
from splatseg.files import write_png
from splatseg.render.rgb import render_rgb
from splatseg.splats.splats import Splats
from splatseg.train.settings import TrainSettings

SETTINGS = TrainSettings(surroundings=0, seed=0).scaled(300)
"""A fit of a few seconds."""


def drifting_capture(folder: Path, drift: float, views: int = 24, seed: int = 0) -> Capture:
    """Return a capture of a ball of colourful Gaussians, every 4th view held out.

    Photographs to train on are brighter or darker, and warmer or colder, by a share of about `drift`; those held out
    are as the scene is.
    """
    rng = np.random.default_rng(seed)
    directions = rng.normal(size=(300, 3))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    splats = Splats(
        means=torch.tensor(directions, dtype=torch.float32),
        quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(300, 1),
        log_scales=torch.full((300, 3), float(np.log(0.12))),
        opacity_logits=torch.full((300,), 3.0),
        sh0=torch.tensor(rng.uniform(-1.0, 0.5, (300, 3)), dtype=torch.float32),
        shN=torch.zeros(300, 0, 3),
    )
    taken = []
    for number, camera in enumerate(scenes.ring(views, width=48, height=36, focal=40.0)):
        gain = np.exp(drift * rng.normal() + drift / 2 * rng.normal(size=3)) if number % 4 else np.ones(3)
        picture = render_rgb(splats, camera).numpy() * gain
        path = folder / f"{number:02d}.png"
        write_png(path, (picture.clip(0, 1) * 255).round().astype(np.uint8))
        taken.append(View(path.name, camera, path))
    colors = (255 * (0.5 + 0.28 * splats.sh0.numpy())).clip(0, 255).astype(np.uint8)
    held_out = frozenset(view.name for view in taken[::4])
    return Capture(folder, tuple(taken), splats.means.numpy(), colors, held_out)
