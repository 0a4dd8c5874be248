"""The photometric loss and its gradient in one native operation.

    loss = (1 - w) L1 + w (1 - SSIM)          means over pixels and channels

SSIM with an 11x11 Gaussian window (sigma 1.5), zero padding, C1 = 0.01^2, C2 = 0.03^2, for images in 0..1.
Source: Wang et al. 2004; the loss is equation 7 of 3D Gaussian Splatting (Kerbl et al. 2023), with w = 0.2.
Images are (H,W,3) float32 on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.arrays import check_shapes
from splatseg.raster.interface import check_native


def photometric_loss(image: Tensor, target: Tensor, ssim_weight: float = 0.2) -> tuple[Tensor, float, float]:
    """Return (loss, L1, SSIM) of a rendered image (H,W,3) against a target (H,W,3).

    The loss is a scalar tensor, differentiable in `image`; L1 and SSIM are numbers for reports.
    Raises ValueError for shapes that do not agree.
    """
    check_shapes(image=(image, "H W 3"), target=(target, "H W 3"))
    check_native()
    loss, l1, ssim_value = _PhotometricLoss.apply(image.float(), target.detach().float().contiguous(), ssim_weight)
    return loss, l1, ssim_value


def ssim(image: Tensor, target: Tensor) -> float:
    """Return the mean structural similarity of two images (H,W,3) in 0..1: 1 for equal images. Not differentiable."""
    check_shapes(image=(image, "H W 3"), target=(target, "H W 3"))
    image, target = (t.detach().float().contiguous() for t in (image, target))
    return _native.photometric(image, target, 1.0, None, torch.get_num_threads())[1]


class _PhotometricLoss(torch.autograd.Function):
    """The loss. One native call computes it and its gradient, which is kept for the backward."""

    apply: ClassVar[Callable[..., tuple[Tensor, float, float]]]

    @staticmethod
    def forward(ctx: Any, image: Tensor, target: Tensor, ssim_weight: float) -> tuple[Tensor, float, float]:
        image = image.detach().contiguous()
        gradient = torch.empty_like(image) if ctx.needs_input_grad[0] else None
        l1, ssim_value = _native.photometric(image, target, ssim_weight, gradient, torch.get_num_threads())
        if gradient is not None:
            ctx.save_for_backward(gradient)
        loss = (1.0 - ssim_weight) * l1 + ssim_weight * (1.0 - ssim_value)
        return image.new_tensor(loss), l1, ssim_value

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_loss: Tensor, *_: Any) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * grad_loss, None, None
