"""The share of each Gaussian's light that photographs show although an object stands before it.

    shown_i = sum_v W_vi / sum_v W'_vi            W_vi = sum over the pixels of view v of the blending weights w_i

W with the object, W' without it. A Gaussian under or within the object is near 0: no photograph has fixed its colour.

Alphabet: N Gaussians, V cameras; members (N,) bool.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.raster.interface import accumulate
from splatseg.splats.splats import Splats

LEAST = 1e-3
"""Weight in pixels, over all views, below which a Gaussian is not seen at all, with or without the object."""


def shares_shown(splats: Splats, members: np.ndarray, cameras: Sequence[Camera]) -> np.ndarray:
    """Return the shares (N - M,) in 0..1 of all but the M members.

    They are 1 without cameras, and for what no camera sees even without the members.
    """
    rest = splats.subset(~members)
    seen, bare = np.zeros(len(splats)), np.zeros(len(rest))
    for camera in cameras:
        seen += _weights(splats, camera)
        bare += _weights(rest, camera)
    shares: np.ndarray = np.where(bare > LEAST, seen[~members] / np.maximum(bare, LEAST), 1.0)
    return shares.clip(max=1.0)


def _weights(splats: Splats, camera: Camera) -> np.ndarray:
    ones = torch.ones(camera.height, camera.width, 1)
    weights: np.ndarray = accumulate(splats.prepare(camera), ones)[:, 0].double().numpy()
    return weights
