"""Colours seen from a camera: evaluation of spherical harmonics, clamp, and the gradient of the coefficients.

On the processor in C++, on a card in torch.

A Gaussian's gradient of 48 coefficients is the outer product of the basis at its direction and the gradient (3) of its
colour. A fit that optimises them with Adam keeps the latter alone (`SeenColors`), and the step makes the rest anew.

The result is that of `spherical_harmonics.evaluate` at the viewing directions, clamped below at 0; the gradient reaches
the coefficients only. Alphabet: N Gaussians; sh0 (N,3); shN (N,K,3); means (N,3) world; all on one device.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.machine.devices import native_takes
from splatseg.raster.interface import check_native
from splatseg.splats.spherical_harmonics import basis, evaluate

Trained = tuple[Tensor, Tensor, Tensor]
"""A parameter with its first and second moments, of one shape; the moments may be packed (`train.moments`)."""


def native_colors(means: Tensor, sh0: Tensor, shN: Tensor, position: list[float], degree: int) -> Tensor:
    """Return colours (N,3) >= 0 of Gaussians seen from `position` (x, y, z world). Differentiable in sh0 and shN.

    All float32 on the processor.
    """
    check_native()
    colors: Tensor = _Colors.apply(sh0, shN, means.detach().contiguous(), position, degree)
    return colors


@dataclass(frozen=True, eq=False)
class SeenColors:
    """Colours of Gaussians from a camera's position, a leaf of autograd, with all that a step of Adam needs beside."""

    colors: Tensor
    """Colours (N,3) >= 0, a leaf that requires a gradient."""
    means: Tensor
    """Positions (N,3), world, that have not moved since."""
    position: list[float]
    """The camera's position x, y, z, world."""
    degree: int
    """Degree in use."""

    @classmethod
    def of(cls, means: Tensor, sh0: Tensor, shN: Tensor, position: list[float], degree: int) -> SeenColors:
        """Return the colours of sh0 (N,3) and shN (N,K,3), contiguous, from `position`."""
        means = means.detach()
        if not native_takes(means, sh0, shN):
            with torch.no_grad():
                colors = plain_colors(means, sh0, shN, position, degree)
            return cls(colors.requires_grad_(), means, position, degree)
        check_native()
        out = torch.empty_like(sh0, requires_grad=False)
        threads = torch.get_num_threads()
        _native.colors(means, position, sh0.detach(), shN.detach(), degree, out, threads)
        return cls(out.requires_grad_(), means, position, degree)

    def coefficient_gradients(self, count: int) -> tuple[Tensor, Tensor]:
        """Return the gradients of sh0 (N,3) and of shN (N,count,3) that follow from the one that `colors` has."""
        if self.colors.grad is None:
            return torch.zeros_like(self.colors.detach()), self.colors.new_zeros(len(self.colors), count, 3)
        grad = self.colors.grad.where(self.colors > 0.0, 0.0)  # a clamped channel has none
        basis_values = basis(_directions(self.means, self.position), self.degree)
        by_shN = grad.new_zeros(len(grad), count, 3)
        torch.mul(basis_values[:, 1:, None], grad[:, None, :], out=by_shN[:, : basis_values.shape[1] - 1])
        return basis_values[:, :1] * grad, by_shN

    def adam(self, sh0: Trained, sh0_step: list[float], shN: Trained, shN_step: list[float]) -> None:
        """Take a step of Adam in place: of the coefficients and their moments, by the gradient that `colors` has.

        All float32 on the processor. The steps are (b1, b2, lr / (1 - b1^t), sqrt(1 - b2^t), eps, t).
        """
        grad = self.colors.grad
        grad = torch.zeros_like(self.colors) if grad is None else grad.contiguous()
        out, threads = self.colors.detach(), torch.get_num_threads()
        _native.colors_adam(self.means, self.position, self.degree, out, grad, sh0, sh0_step, shN, shN_step, threads)


def plain_colors(means: Tensor, sh0: Tensor, shN: Tensor, position: list[float], degree: int) -> Tensor:
    """Compute `native_colors` in torch, in any precision and on any device; differentiable in the means, too."""
    directions = means if degree == 0 else _directions(means, position)  # the constant part reads none
    return evaluate(sh0, shN, directions, degree).clamp(min=0.0)


def _directions(means: Tensor, position: list[float]) -> Tensor:
    """Return unit vectors (N,3) from a position to means (N,3)."""
    return torch.nn.functional.normalize(means - means.new_tensor(position), dim=1)


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
