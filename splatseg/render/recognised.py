"""Recognition of a capture by a splat: its pictures must be most like the photographs of the views they are made for.

No threshold on a picture's quality could tell a blurred splat of this capture from a sharp one of another, or of this
one in other coordinates. But the right splat, however poor, looks more like a view's own photograph than like those of
other views.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from splatseg.capture.capture import View
from splatseg.render.rgb import render_channels, render_rgb
from splatseg.resampling import nearest_pixels
from splatseg.splats.splats import Splats

MOST = 8
"""Views that are compared, evenly spread: neighbours in a film look alike."""

SIDE = 96
"""Longer side of the compared pictures in pixels."""


@torch.no_grad()
def recognised_views(splats: Splats, views: Sequence[View]) -> tuple[int, int]:
    """Return how many of the compared views the splat looks most like, and how many were compared, at most 8.

    Compared are differences of colours where the splat covers the picture, up to brightness and contrast. A view in
    which it covers nothing is not recognised. Fewer than three views decide nothing and count as recognised.
    """
    chosen = [views[i] for i in np.unique(np.linspace(0, len(views) - 1, min(MOST, len(views))).round().astype(int))]
    sizes = {(view.camera.width, view.camera.height) for view in chosen}
    if len(chosen) < 3 or len(sizes) > 1:  # photographs of several shapes cannot be laid over one another
        return len(chosen), len(chosen)
    share = min(1.0, SIDE / max(sizes.pop()))
    cameras = [view.camera.scaled(share) for view in chosen]
    height, width = cameras[0].height, cameras[0].width
    photographs = [_standard(nearest_pixels(view.image().transpose(2, 0, 1), height, width)) for view in chosen]
    found = 0
    for i, camera in enumerate(cameras):
        covered = render_channels(splats, camera, torch.ones(len(splats), 1))[..., 0].numpy() > 0.5
        if covered.any():
            picture = _standard(render_rgb(splats, camera).numpy().transpose(2, 0, 1))
            errors = [np.abs(picture - photograph)[:, covered].mean() for photograph in photographs]
            found += errors[i] == min(errors)
    return found, len(chosen)


def _standard(picture: np.ndarray) -> np.ndarray:
    """Return a picture (3,H,W) with mean 0 and deviation 1."""
    values = picture.astype(np.float32)
    standard: np.ndarray = (values - values.mean()) / max(float(values.std()), 1e-6)
    return standard
