"""Colours seen from a camera, in C++: evaluation of spherical harmonics, clamp, and the gradient of the coefficients.

The result is that of `spherical_harmonics.evaluate` at the viewing directions, clamped below at 0; the gradient reaches
the coefficients only. Alphabet: N Gaussians; sh0 (N,3); shN (N,K,3); means (N,3) world; all float32 on the CPU.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.raster.interface import check_native


def native_colors(means: Tensor, sh0: Tensor, shN: Tensor, position: list[float], degree: int) -> Tensor:
    """Return colours (N,3) >= 0 of Gaussians seen from `position` (x, y, z world). Differentiable in sh0 and shN."""
    check_native()
    colors: Tensor = _Colors.apply(sh0, shN, means.detach().contiguous(), position, degree)
    return colors


class _Colors(torch.autograd.Function):
    """Evaluation and clamp; the colours are kept for the backward, where a clamped channel has no gradient."""

    apply: ClassVar[Callable[..., Tensor]]

    @staticmethod
    def forward(ctx: Any, sh0: Tensor, shN: Tensor, means: Tensor, position: list[float], degree: int) -> Tensor:
        sh0, shN = sh0.detach().contiguous(), shN.detach().contiguous()
        out = torch.empty_like(sh0)
        _native.colors(means, position, sh0, shN, degree, out, torch.get_num_threads())
        ctx.save_for_backward(means, sh0, shN, out)
        ctx.position, ctx.degree = position, degree
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        means, sh0, shN, out = ctx.saved_tensors
        grad_sh0, grad_shN = torch.empty_like(sh0), torch.empty_like(shN)
        _native.colors_backward(
            means,
            ctx.position,
            sh0,
            shN,
            ctx.degree,
            out,
            grad.contiguous(),
            grad_sh0,
            grad_shN,
            torch.get_num_threads(),
        )
        return grad_sh0, grad_shN, None, None, None
