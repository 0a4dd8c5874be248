"""Colours that depend on the viewing direction: real spherical harmonics of degree 0 to 3.

    rgb_n = 0.5 + Y_0 sh0_n + sum_{k=1..K} Y_k(d_n) shN_{n,k}         K = (degree + 1)^2 - 1

Alphabet: N Gaussians; directions d (N,3) = (x, y, z), unit vectors from the camera to the Gaussian, world axes;
sh0 (N,3), shN (N,K,3); Y_k = c_k P_k the basis, k = l^2 + l + m for l = 0..3, m = -l..l; P_k a homogeneous polynomial
of degree l, c_k its norm (`NORMS`).

The basis is the orthonormal one with the Condon-Shortley sign (-1)^m, that of 3D Gaussian Splatting (Kerbl et al. 2023)
and its files. Source of the polynomials: Sloan, "Stupid Spherical Harmonics Tricks", 2008, appendix A2.

The result is not clamped. Like 3DGS, `render.rgb` clamps colours below at 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from splatseg.arrays import check_shapes
from splatseg.splats.activations import Y0

NORMS = tuple(
    sign * math.sqrt(numerator / (denominator * math.pi))
    for sign, numerator, denominator in (
        (1, 1, 4),
        *((-1, 3, 4), (1, 3, 4), (-1, 3, 4)),
        *((1, 15, 4), (-1, 15, 4), (1, 5, 16), (-1, 15, 4), (1, 15, 16)),
        *((-1, 35, 32), (1, 105, 4), (-1, 21, 32), (1, 7, 16), (-1, 21, 32), (1, 105, 16), (-1, 35, 32)),
    )
)
"""c_0 .. c_15 with their signs."""

DERIVATIVES = (
    *((1, "y", 0, 1), (2, "z", 0, 1), (3, "x", 0, 1)),
    *((4, "x", 1, 1), (4, "y", 3, 1)),
    *((5, "y", 2, 1), (5, "z", 1, 1)),
    *((6, "x", 3, -2), (6, "y", 1, -2), (6, "z", 2, 4)),
    *((7, "x", 2, 1), (7, "z", 3, 1)),
    *((8, "x", 3, 2), (8, "y", 1, -2)),
    *((9, "x", 4, 6), (9, "y", 8, 3)),
    *((10, "x", 5, 1), (10, "y", 7, 1), (10, "z", 4, 1)),
    *((11, "x", 4, -2), (11, "y", 6, 2), (11, "y", 8, 1), (11, "z", 5, 8)),
    *((12, "x", 7, -6), (12, "y", 5, -6), (12, "z", 6, 3)),
    *((13, "x", 6, 2), (13, "x", 8, -1), (13, "y", 4, -2), (13, "z", 7, 8)),
    *((14, "x", 7, 2), (14, "y", 5, -2), (14, "z", 8, 1)),
    *((15, "x", 8, 3), (15, "y", 4, -6)),
)
"""(k, axis, j, n): dP_k/d(axis) contains n P_j. A derivative of a harmonic polynomial is harmonic, one degree lower."""

ROWS_AT_ONCE = 65536
"""Gaussians computed together, which bounds the scratch memory and keeps it in the cache."""


def evaluate(sh0: Tensor, shN: Tensor, directions: Tensor, degree: int) -> Tensor:
    """Return colours (N,3), not clamped, seen along unit `directions` (N,3). Differentiable once in all three.

    sh0 (N,3); shN (N,K,3), of which the first (degree+1)^2 - 1 coefficients are used: `degree` may be lower than the
    stored degree (the warm-up of training) but not higher. At degree 0 neither shN nor directions are read.
    """
    check_shapes(sh0=(sh0, "N 3"), shN=(shN, "N K 3"), directions=(directions, "N 3"))
    count = coefficient_count(degree)
    assert count <= shN.shape[1], f"degree {degree} needs {count} coefficients beyond the constant, got {shN.shape[1]}"
    constant = 0.5 + Y0 * sh0
    if count == 0:
        return constant
    varying: Tensor = _Varying.apply(shN, directions, degree)
    return constant + varying


def coefficient_count(degree: int) -> int:
    """Return K, the number of coefficients of a channel beyond the constant one."""
    assert 0 <= degree <= 3, f"spherical harmonics have degree 0 to 3 here, got {degree}"
    return (degree + 1) ** 2 - 1


def basis(directions: Tensor, degree: int) -> Tensor:
    """Return Y_0 .. Y_K at unit directions (N,3): (N,K+1)."""
    # Columns made contiguous: every polynomial is then a pass over dense memory.
    x, y, z = directions.t().contiguous().unbind(0)
    out = directions.new_empty(len(directions), coefficient_count(degree) + 1)
    polynomials: list[Tensor | float] = [1.0]
    if degree >= 1:
        polynomials += [y, z, x]
    if degree >= 2:
        xx, yy, zz, xy = x * x, y * y, z * z, x * y
        lobes = xx - yy
        polynomials += [xy, y * z, 2 * zz - xx - yy, x * z, lobes]
    if degree >= 3:
        ring = 4 * zz - xx - yy
        polynomials += [y * (3 * xx - yy), xy * z, y * ring, z * (ring - 2 * (zz + xx + yy))]
        polynomials += [x * ring, z * lobes, x * (xx - 3 * yy)]
    for k, P in enumerate(polynomials):
        out[:, k] = NORMS[k] * P
    return out


class _Varying(torch.autograd.Function):
    """The part of the colour beyond the constant: (N,3) = sum_{k>0} Y_k(d) shN_k.

    The backward is written by hand: autograd would keep some forty (N,) columns alive, and the costly (N,K,3) gradient
    (90 MB for 500,000 Gaussians) is written only once. The gradient of the direction is two small products:
    dL/dd = sum_k dL/dY_k dY_k/dd = sum_j Y_j (sum_k dL/dY_k D_kj), with the constant table D (`_derivative_table`).
    """

    apply: ClassVar[Callable[..., Tensor]]

    @staticmethod
    def forward(ctx: Any, shN: Tensor, directions: Tensor, degree: int) -> Tensor:
        count = coefficient_count(degree)
        Y = directions.new_empty(len(directions), count + 1)
        out = directions.new_empty(len(directions), 3)
        for start in range(0, len(directions), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            Y[rows] = basis(directions[rows], degree)
            # One small product a Gaussian, (1,K) times (K,3).
            out[rows] = torch.bmm(Y[rows, None, 1:], shN[rows, :count])[:, 0]
        ctx.save_for_backward(shN, Y)
        ctx.degree = degree
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        shN, Y = ctx.saved_tensors
        needs_shN, needs_directions, _ = ctx.needs_input_grad
        grad_shN = _outer(Y, grad, shN) if needs_shN else None
        grad_directions = _grad_directions(shN, Y, grad, ctx.degree) if needs_directions else None
        return grad_shN, grad_directions, None


def _outer(Y: Tensor, grad: Tensor, shN: Tensor) -> Tensor:
    """Return dL/dshN (N,K,3) = Y_k grad_c; zero for coefficients beyond the degree in use."""
    out = torch.empty_like(shN, memory_format=torch.contiguous_format)
    count = Y.shape[1] - 1
    out[:, count:] = 0
    # Channel by channel, straight into the result: no second (N,K,3) tensor.
    for c in range(3):
        torch.mul(Y[:, 1:], grad[:, c, None], out=out[:, :count, c])
    return out


def _grad_directions(shN: Tensor, Y: Tensor, grad: Tensor, degree: int) -> Tensor:
    """Return dL/dd (N,3)."""
    count, lower = coefficient_count(degree), coefficient_count(degree - 1) + 1
    D = _derivative_table(degree).to(Y)
    out = torch.empty_like(grad, memory_format=torch.contiguous_format)
    for start in range(0, len(grad), ROWS_AT_ONCE):
        rows = slice(start, start + ROWS_AT_ONCE)
        used, g = shN[rows, :count], grad[rows]
        # dL/dY_k (n,K): the sum over the three channels of shN_k grad_c.
        grad_Y = used[:, :, 0] * g[:, 0, None]
        grad_Y.addcmul_(used[:, :, 1], g[:, 1, None]).addcmul_(used[:, :, 2], g[:, 2, None])
        slopes = (grad_Y @ D).reshape(-1, lower, 3)
        out[rows] = torch.bmm(Y[rows, None, :lower], slopes)[:, 0]
    return out


def _derivative_table(degree: int) -> Tensor:
    """Return D (K, J*3) float64: dY_k/d(axis) = sum_j D[k, j, axis] Y_j, j over the degrees below."""
    count, lower = coefficient_count(degree), coefficient_count(degree - 1) + 1
    D = torch.zeros(count, lower, 3, dtype=torch.float64)
    for k, axis, j, n in DERIVATIVES:
        if k <= count:
            D[k - 1, j, "xyz".index(axis)] = n * NORMS[k] / NORMS[j]
    return D.reshape(count, lower * 3)
