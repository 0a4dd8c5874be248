"""Losses of the fit: L1 and D-SSIM of the image, and the interface of a second objective on rendered features.

    loss = (1 - ssim_weight) * mean |image - target| + ssim_weight * (1 - SSIM(image, target))

SSIM: Wang et al. 2004, 11x11 Gaussian window of sigma 1.5, C1 = 0.01^2, C2 = 0.03^2, values in 0..1, zero padding, mean
over pixels and channels, as 3DGS computes it. Alphabet: images (H,W,3) in 0..1; features (H,W,F).
"""

from __future__ import annotations

import math
from typing import Protocol

import torch
from torch import Tensor

from splatseg.arrays import check_shapes
from splatseg.capture.view import View
from splatseg.machine.devices import native_takes
from splatseg.raster import ssim as native


class JointObjective(Protocol):
    """A loss on features that are blended in the same rasterisation as colour and trained together with it.

    It moves features and, as in the paper's code, geometry. Steps are counted from 1.
    """

    @property
    def channels(self) -> int:
        """Number of feature channels, F."""
        ...

    @property
    def learning_rate(self) -> float:
        """Learning rate of the features in Adam."""
        ...

    def initial_features(self, count: int) -> Tensor:
        """Return features (count, channels) to begin with."""
        ...

    def due(self, step: int) -> bool:
        """Return True if this step has a loss; otherwise features are not rendered."""
        ...

    def loss(self, step: int, view: View, rendered: Tensor, means: Tensor, features: Tensor) -> Tensor:
        """Return the scalar loss of rendered (H,W,F) and of the Gaussians' own means and features.

        rendered is as blended, not normalised.
        """
        ...


WINDOW = 11
"""Side of the SSIM window, pixels."""
SIGMA = 1.5
"""Standard deviation of the SSIM window, pixels."""
C1, C2 = 0.01**2, 0.03**2


def photometric_loss(image: Tensor, target: Tensor, ssim_weight: float) -> Tensor:
    """Return the scalar loss between (H,W,3) images in 0..1, differentiable in `image`.

    float32 on the processor goes to the native kernel; it and `plain_photometric_loss` compute the same.
    """
    if native_takes(image):
        return native.photometric_loss(image, target, ssim_weight)[0]
    return plain_photometric_loss(image, target, ssim_weight)


def plain_photometric_loss(image: Tensor, target: Tensor, ssim_weight: float) -> Tensor:
    """Compute `photometric_loss` in plain torch, in any precision and on any device."""
    check_shapes(image=(image, "H W C"), target=(target, "H W C"))
    l1 = (image - target).abs().mean()
    return (1.0 - ssim_weight) * l1 + ssim_weight * (1.0 - ssim(image, target))


def ssim(image: Tensor, target: Tensor) -> Tensor:
    """Return the mean structural similarity of two (H,W,C) images, differentiable."""
    x, y = image.permute(2, 0, 1)[:, None], target.permute(2, 0, 1)[:, None]
    mean_x, mean_y = _blurred(x), _blurred(y)
    var_x = _blurred(x * x) - mean_x * mean_x
    var_y = _blurred(y * y) - mean_y * mean_y
    covar = _blurred(x * y) - mean_x * mean_y
    luminance = (2 * mean_x * mean_y + C1) / (mean_x * mean_x + mean_y * mean_y + C1)
    structure = (2 * covar + C2) / (var_x + var_y + C2)
    return (luminance * structure).mean()


def psnr(image: Tensor, target: Tensor) -> float:
    """Return the peak signal-to-noise ratio in dB of two images in 0..1 (clamped); 100 for equal ones."""
    with torch.no_grad():
        error = float((image.clamp(0.0, 1.0) - target).square().mean())
    return 100.0 if error <= 1e-10 else -10.0 * math.log10(error)


def _blurred(channels: Tensor) -> Tensor:
    offsets = torch.arange(WINDOW, dtype=channels.dtype, device=channels.device) - WINDOW // 2
    window = torch.exp(-0.5 * (offsets / SIGMA) ** 2)
    window = window / window.sum()
    # A Gaussian window is separable: rows, then columns, 2 x 11 products a pixel instead of 121.
    rows = torch.nn.functional.conv2d(channels, window.reshape(1, 1, 1, -1), padding=(0, WINDOW // 2))
    return torch.nn.functional.conv2d(rows, window.reshape(1, 1, -1, 1), padding=(WINDOW // 2, 0))
