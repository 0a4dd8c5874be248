"""The rasteriser in C++ on the CPU: torch's autograd around the kernels of `native/`.

float32 only (other types are converted first). Threads: as many as torch uses (`torch.set_num_threads`); the result is
the same to the bit for any number. The contract of the kernels is native/raster/raster.h; alphabet and semantics are
those of `raster.interface`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.cameras.camera import Camera
from splatseg.errors import BackendError
from splatseg.raster.interface import Growth, PixelPlan, Plan, Raster, RasterSettings
from splatseg.raster.weights import Floors, SparseWeights, VoteEntries

try:
    _native.simd_level()
except ValueError as _error:  # the environment variable SPLATSEG_SIMD names a level that this processor lacks
    raise BackendError(str(_error)) from None

POOLED = 1 << 18
"""Least number of floats of an output that comes from the pool (1 MB)."""


def rasterize(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    features: Tensor,
    camera: Camera,
    settings: RasterSettings,
    means2d_offset: Tensor | None = None,
    growth: Growth | None = None,
) -> Raster:
    """See `interface.rasterize`."""
    tensors = [None if t is None else _dense(t) for t in (means, quats, scales, opacities, features, means2d_offset)]
    view = _camera(camera, settings)
    blended, alphas, radii = _Rasterize.apply(*tensors, view, (camera.height, camera.width), growth)
    return Raster(blended, alphas, radii)


def prepare(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, camera: Camera, settings: RasterSettings
) -> _native.Plan:
    """See `interface.prepare`."""
    geometry = [_dense(t).detach() for t in (means, quats, scales, opacities)]
    return _prepare(geometry, None, _camera(camera, settings))[0]


def rasterize_plan(plan: Plan, features: Tensor) -> tuple[Tensor, Tensor]:
    """See `interface.rasterize_plan`."""
    blended, alphas = _RasterizePlan.apply(_dense(features), plan.state, (plan.camera.height, plan.camera.width))
    return blended, alphas


def rasterize_levels(plan: Plan, levels: Tensor, count: int, share: float) -> Tensor:
    """See `interface.rasterize_levels`."""
    out = torch.empty(plan.camera.height, plan.camera.width, dtype=torch.uint8)
    _native.blend_levels(plan.state, levels, count, share, out, torch.get_num_threads())
    return out


def rasterize_labels(plan: Plan, labels: Tensor, count: int) -> Tensor:
    """See `interface.rasterize_labels`."""
    out = torch.empty(plan.camera.height, plan.camera.width, dtype=torch.int32)
    _native.label_map(plan.state, labels, count, out, torch.get_num_threads())
    return out


def rasterize_middle(plan: Plan, values: Tensor) -> Tensor:
    """See `interface.rasterize_middle`."""
    out = torch.empty(plan.camera.height, plan.camera.width)
    _native.blend_middle(plan.state, _dense(values).detach(), out, torch.get_num_threads())
    return out


def prepare_pixels(plan: Plan, pixels: Tensor) -> tuple[_native.SparseMatrix, int]:
    """See `interface.prepare_pixels`."""
    weights = _native.pixel_weights(plan.state, pixels, torch.get_num_threads())
    return weights, weights.bytes


def rasterize_pixels(plan: PixelPlan, features: Tensor) -> Tensor:
    """See `interface.rasterize_pixels`."""
    blended: Tensor = _BlendPixels.apply(_dense(features), plan.state)
    return blended


def contributors(plan: Plan, pixels: Tensor) -> SparseWeights:
    """See `interface.contributors`."""
    return _sparse(_native.pixel_weights(plan.state, pixels, torch.get_num_threads()))


def accumulate(plan: Plan, values: Tensor) -> Tensor:
    """See `interface.accumulate`."""
    return _accumulate(plan.state, _dense(values).detach())


def vote(plan: Plan, label_maps: Tensor, count: int) -> tuple[SparseWeights, Tensor]:
    """See `interface.vote`."""
    totals = torch.empty(plan.count)
    return _sparse(_native.vote(plan.state, label_maps, count, totals, torch.get_num_threads())), totals


def vote_above(plan: Plan, label_maps: Tensor, count: int, floors: Floors) -> tuple[VoteEntries, Tensor]:
    """See `interface.vote_above`."""
    totals, threads = torch.empty(plan.count), torch.get_num_threads()
    share, least, ignored = floors.share, floors.least, floors.ignored
    found = _native.vote_above(plan.state, label_maps, count, share, least, ignored, totals, threads)
    rows = torch.empty(found.entries, dtype=torch.int32)
    columns, weights = torch.empty_like(rows), torch.empty(found.entries)
    _native.write_entries(found, rows, columns, weights, threads)
    return VoteEntries(rows, columns, weights), totals


class _Rasterize(torch.autograd.Function):
    """Projection and blending in one step; backward takes a shortcut if only features need a gradient."""

    apply: ClassVar[Callable[..., tuple[Tensor, Tensor, Tensor]]]

    @staticmethod
    def forward(
        ctx: Any,
        means: Tensor,
        quats: Tensor,
        scales: Tensor,
        opacities: Tensor,
        features: Tensor,
        means2d_offset: Tensor | None,
        view: _native.Camera,
        shape: tuple[int, int],
        growth: Growth | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        geometry = [t.detach() for t in (means, quats, scales, opacities)]
        offset = None if means2d_offset is None else means2d_offset.detach()
        plan, radii = _prepare(geometry, offset, view)
        blended, alphas = _blend(plan, features.detach(), shape)
        ctx.plan, ctx.growth, ctx.radii = plan, growth, radii
        ctx.mark_non_differentiable(radii)
        ctx.save_for_backward(means, quats, scales, opacities, features, means2d_offset, blended, alphas)
        return blended, alphas, radii

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_blended: Tensor, grad_alphas: Tensor, _: Any) -> tuple[Tensor | None, ...]:
        wanted = ctx.needs_input_grad
        grad_blended = _dense(grad_blended)
        means, quats, scales, opacities, features, offset, blended, alphas = ctx.saved_tensors
        growth: Growth | None = ctx.growth
        # The shortcut: blending is linear in the features, so their gradient is its transpose.
        if not any(wanted[:4]) and not wanted[5] and growth is None:
            grad_features = _accumulate(ctx.plan, grad_blended)
            return None, None, None, None, grad_features, None, None, None, None
        geometry = [t.detach() for t in (means, quats, scales, opacities)]
        grads = [_empty(*t.shape) for t in geometry]
        grad_offset = _empty(features.shape[0], 2)
        grad_features = _empty(*features.shape)
        _native.backward(
            ctx.plan,
            (*geometry, None if offset is None else offset.detach()),
            features.detach(),
            blended,
            alphas,
            grad_blended,
            _dense(grad_alphas),
            grad_features,
            (*grads, grad_offset),
            None if growth is None else (ctx.radii, growth.gradient_sum, growth.views),
            torch.get_num_threads(),
        )
        kept = [g if want else None for g, want in zip([*grads, grad_features, grad_offset], wanted[:6], strict=True)]
        return (*kept, None, None, None)


class _RasterizePlan(torch.autograd.Function):
    """Blending on prepared geometry. It is linear in the features, so its backward is its transpose."""

    apply: ClassVar[Callable[..., tuple[Tensor, Tensor]]]

    @staticmethod
    def forward(ctx: Any, features: Tensor, plan: _native.Plan, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
        ctx.plan = plan
        blended, alphas = _blend(plan, features.detach(), shape)
        ctx.mark_non_differentiable(alphas)
        return blended, alphas

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_blended: Tensor, _: Any) -> tuple[Tensor | None, ...]:
        return _accumulate(ctx.plan, _dense(grad_blended)), None, None


class _BlendPixels(torch.autograd.Function):
    """Product with a sparse matrix; its backward is the product with the transpose."""

    apply: ClassVar[Callable[..., Tensor]]

    @staticmethod
    def forward(ctx: Any, features: Tensor, weights: _native.SparseMatrix) -> Tensor:
        ctx.weights = weights
        return _product(weights, features.detach())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_blended: Tensor) -> tuple[Tensor, None]:
        return _product(ctx.weights, _dense(grad_blended), transposed=True), None


def _dense(tensor: Tensor) -> Tensor:
    """Return the tensor as contiguous float32, as the kernels read it."""
    assert tensor.device.type == "cpu", f"the native rasteriser works on CPU tensors, got {tensor.device}"
    return tensor.float().contiguous()


def _camera(camera: Camera, settings: RasterSettings) -> _native.Camera:
    cutoffs = [
        settings.near,
        settings.eps2d,
        settings.alpha_min,
        settings.alpha_max,
        settings.transmittance_min,
        settings.frustum_margin,
    ]
    viewmat, K = np.ascontiguousarray(camera.viewmat), np.ascontiguousarray(camera.K)
    return _native.Camera(viewmat, K, camera.width, camera.height, cutoffs)


def _prepare(geometry: list[Tensor], offset: Tensor | None, view: _native.Camera) -> tuple[_native.Plan, Tensor]:
    radii = torch.empty(geometry[0].shape[0], dtype=torch.int32)
    means, quats, scales, opacities = geometry
    plan = _native.prepare(means, quats, scales, opacities, offset, view, radii, torch.get_num_threads())
    return plan, radii


def _empty(*shape: int) -> Tensor:
    # Large tensors come from the extension's own memory, which is reused from call to call.
    return _native.empty(shape) if math.prod(shape) >= POOLED else torch.empty(shape)


def _blend(plan: _native.Plan, features: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    blended = _empty(*shape, features.shape[1])
    alphas = _empty(*shape)
    _native.blend(plan, features, blended, alphas, torch.get_num_threads())
    return blended, alphas


def _accumulate(plan: _native.Plan, values: Tensor) -> Tensor:
    sums = _empty(plan.count, values.shape[-1])
    _native.accumulate(plan, values, sums, torch.get_num_threads())
    return sums


def _product(matrix: _native.SparseMatrix, dense: Tensor, transposed: bool = False) -> Tensor:
    out = _empty(matrix.width if transposed else matrix.height, dense.shape[1])
    _native.sparse_product(matrix, dense, out, transposed, torch.get_num_threads())
    return out


def _sparse(matrix: _native.SparseMatrix) -> SparseWeights:
    indptr = torch.empty(matrix.height + 1, dtype=torch.int64)
    columns = torch.empty(matrix.entries, dtype=torch.int32)
    weights = torch.empty(matrix.entries)
    _native.write_csr(matrix, indptr, columns, weights, torch.get_num_threads())
    return SparseWeights(indptr, columns, weights, matrix.width)
