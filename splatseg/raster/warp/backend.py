"""The rasteriser in NVIDIA Warp: torch's autograd around the kernels of this folder.

float32 only (other types are converted first). Tensors stay on their device: a card, or the processor, where the same
kernels run slowly, so that every machine tests what a card runs. The same input gives the same bits. Alphabet and
semantics are those of `raster.interface`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

import torch
import warp as wp
from torch import Tensor
from torch.autograd.function import once_differentiable

from splatseg.cameras.camera import Camera
from splatseg.errors import BackendError
from splatseg.models.batches import Batches
from splatseg.raster.interface import Growth, PixelPlan, Plan, Raster, RasterSettings
from splatseg.raster.warp import sums, walks
from splatseg.raster.warp.kernels.projection import View, project_drawn
from splatseg.raster.warp.lists import Prepared, prepare_view, view_of
from splatseg.raster.warp.pixels import PixelWeights, both_ways, pixel_weights, product
from splatseg.raster.warp.runtime import array, launch_adjoint
from splatseg.raster.warp.votes import label_sums
from splatseg.raster.weights import Floors, SparseWeights, VoteEntries, entries_above

Result = TypeVar("Result")


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
    blended, alphas, radii = _Rasterize.apply(*tensors, camera, settings, growth)
    return Raster(blended, alphas, radii)


def prepare(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, camera: Camera, settings: RasterSettings
) -> Prepared:
    """See `interface.prepare`."""
    geometry = [_dense(t).detach() for t in (means, quats, scales, opacities)]
    return prepare_view(geometry, None, view_of(camera, settings))


def rasterize_plan(plan: Plan, features: Tensor) -> tuple[Tensor, Tensor]:
    """See `interface.rasterize_plan`."""
    blended, alphas = _RasterizePlan.apply(_dense(features), plan.state)
    return blended, alphas


def rasterize_levels(plan: Plan, levels: Tensor, count: int, share: float) -> Tensor:
    """See `interface.rasterize_levels`."""
    return walks.levels(plan.state, levels, count, share)


def rasterize_labels(plan: Plan, labels: Tensor, count: int) -> Tensor:
    """See `interface.rasterize_labels`."""
    return walks.labels(plan.state, labels, count)


def rasterize_middle(plan: Plan, values: Tensor) -> Tensor:
    """See `interface.rasterize_middle`."""
    return walks.middles(plan.state, _dense(values).detach())


def prepare_pixels(plan: Plan, pixels: Tensor) -> tuple[PixelWeights, int]:
    """See `interface.prepare_pixels`."""
    weights = both_ways(*pixel_weights(plan.state, pixels), plan.count)
    return weights, weights.bytes


def rasterize_pixels(plan: PixelPlan, features: Tensor) -> Tensor:
    """See `interface.rasterize_pixels`."""
    blended: Tensor = _BlendPixels.apply(_dense(features), plan.state)
    return blended


def contributors(plan: Plan, pixels: Tensor) -> SparseWeights:
    """See `interface.contributors`."""
    return SparseWeights(*pixel_weights(plan.state, pixels), plan.count)


def accumulate(plan: Plan, values: Tensor) -> Tensor:
    """See `interface.accumulate`."""
    return _accumulate(plan.state, _dense(values).detach())


def vote(plan: Plan, label_maps: Tensor, count: int) -> tuple[SparseWeights, Tensor]:
    """See `interface.vote`."""
    rows, columns, weights = label_sums(plan.state, label_maps, count)
    indptr = torch.searchsorted(rows, torch.arange(plan.count + 1, device=rows.device))
    return SparseWeights(indptr, columns, weights, count), _totals(plan.state)


def vote_above(plan: Plan, label_maps: Tensor, count: int, floors: Floors) -> tuple[VoteEntries, Tensor]:
    """See `interface.vote_above`."""
    rows, columns, weights = label_sums(plan.state, label_maps, count)
    totals = _totals(plan.state)
    return entries_above(rows, columns, weights, totals, floors), totals


class _Rasterize(torch.autograd.Function):
    """Projection and blending in one step."""

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
        camera: Camera,
        settings: RasterSettings,
        growth: Growth | None,
    ) -> tuple[Tensor, Tensor, Tensor]:
        offset = None if means2d_offset is None else means2d_offset.detach()
        geometry = [t.detach() for t in (means, quats, scales, opacities)]
        prepared = prepare_view(geometry, offset, view_of(camera, settings))
        blended, alphas, behind, walked = _blend(prepared, features.detach())
        ctx.prepared, ctx.camera, ctx.growth = prepared, camera, growth
        ctx.mark_non_differentiable(prepared.radii)
        ctx.save_for_backward(means, quats, scales, features, behind, walked)
        return blended, alphas, prepared.radii

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_blended: Tensor, by_alphas: Tensor, _: Any) -> tuple[Tensor | None, ...]:
        wanted, growth, prepared = ctx.needs_input_grad, ctx.growth, ctx.prepared
        by_blended, by_alphas = _dense(by_blended), _dense(by_alphas)
        means, quats, scales, features, behind, walked = ctx.saved_tensors
        # The shortcut: blending is linear in the features, so their gradient is its transpose.
        if not any(wanted[:4]) and not wanted[5] and growth is None:
            return None, None, None, None, _accumulate(prepared, by_blended), None, None, None, None
        by_features, by_flat = _gradients(prepared, features, behind, walked, by_blended, by_alphas)
        by_place, by_conic = by_flat[:, :2].contiguous(), by_flat[:, 2:5].contiguous()
        if growth is not None:
            growth.observe(by_place, prepared.radii, ctx.camera)
        by_geometry = _by_geometry(prepared, [means, quats, scales], by_place, by_conic)
        grads = [*by_geometry, by_flat[:, 5].contiguous(), by_features, by_place]
        return (*(g if want else None for g, want in zip(grads, wanted[:6], strict=True)), None, None, None)


class _RasterizePlan(torch.autograd.Function):
    """Blending on prepared geometry. It is linear in the features, so its backward is its transpose."""

    apply: ClassVar[Callable[..., tuple[Tensor, Tensor]]]

    @staticmethod
    def forward(ctx: Any, features: Tensor, prepared: Prepared) -> tuple[Tensor, Tensor]:
        ctx.prepared = prepared
        blended, alphas, _, _ = _blend(prepared, features.detach())
        ctx.mark_non_differentiable(alphas)
        return blended, alphas

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_blended: Tensor, _: Any) -> tuple[Tensor, None]:
        return _accumulate(ctx.prepared, _dense(by_blended)), None


class _BlendPixels(torch.autograd.Function):
    """Product with a sparse matrix; its backward is the product with the transpose."""

    apply: ClassVar[Callable[..., Tensor]]

    @staticmethod
    def forward(ctx: Any, features: Tensor, weights: PixelWeights) -> Tensor:
        ctx.weights = weights
        return _by_rounds(features.detach(), walks.WIDTHS[-1], lambda part: product(weights.by_row, part))

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, by_blended: Tensor) -> tuple[Tensor, None]:
        by_column = ctx.weights.by_column
        return _by_rounds(_dense(by_blended), walks.WIDTHS[-1], lambda part: product(by_column, part)), None


def _dense(tensor: Tensor) -> Tensor:
    """Return the tensor as contiguous float32, as the kernels read it."""
    return tensor.float().contiguous()


def _within_memory(prepared: Prepared, operation: Callable[[int], Result]) -> Result:
    """Return operation(most), `most` channels at a time: as many as the device takes, and fewer if its memory ends.

    Raises BackendError if there is no memory for one.
    """
    device, (height, width) = prepared.flat.device, prepared.shape

    def too_little(reason: str) -> BackendError:
        return BackendError(
            f"there is no memory on {device} for {len(prepared.flat):,} Gaussians in an image of {width}x{height} "
            f"pixels ({reason}); make the image smaller (--downscale), take a smaller splat, or use --device cpu"
        )

    return Batches(walks.widest_on(device), device).run(operation, "channels", too_little)


def _rounds(tensor: Tensor, most: int) -> list[Tensor]:
    """Split the last axis of a tensor into parts as wide as there are kernels for; the last is filled up with zeros."""
    parts = []
    for part in tensor.split(most, dim=-1) if tensor.shape[-1] else [tensor]:
        width = next(width for width in walks.WIDTHS if width >= part.shape[-1])
        parts.append(torch.nn.functional.pad(part, (0, width - part.shape[-1])).contiguous())
    return parts


def _by_rounds(tensor: Tensor, most: int, operation: Callable[[Tensor], Tensor]) -> Tensor:
    """Apply an operation to the channels of a tensor, at most so many at a time."""
    return torch.cat([operation(part) for part in _rounds(tensor, most)], -1)[..., : tensor.shape[-1]].contiguous()


def _blend(prepared: Prepared, features: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    def blended(most: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        rounds = [walks.blend(prepared, part) for part in _rounds(features, most)]
        pictures = torch.cat([each[0] for each in rounds], -1)[..., : features.shape[1]].contiguous()
        return pictures, *rounds[0][1:]

    return _within_memory(prepared, blended)


def _accumulate(prepared: Prepared, values: Tensor) -> Tensor:
    return _within_memory(prepared, lambda most: _by_rounds(values, most, lambda part: sums.accumulate(prepared, part)))


def _totals(prepared: Prepared) -> Tensor:
    """Return the sum of each Gaussian's weights over all pixels, (N,)."""
    return _accumulate(prepared, torch.ones(*prepared.shape, 1, device=prepared.flat.device))[:, 0]


def _gradients(
    prepared: Prepared, features: Tensor, behind: Tensor, walked: Tensor, by_blended: Tensor, by_alphas: Tensor
) -> tuple[Tensor, Tensor]:
    """Return the gradients by features (N,F) and by Gaussians on screen (N,6)."""

    def gradients(most: int) -> tuple[Tensor, Tensor]:
        found, by_flat, of_alphas = [], None, by_alphas
        for part, by_part in zip(_rounds(features.detach(), most), _rounds(by_blended, most), strict=True):
            by_features, by_geometry = sums.blend_gradients(prepared, part, behind, walked, by_part, of_alphas)
            found.append(by_features)
            by_flat = by_geometry if by_flat is None else by_flat + by_geometry
            of_alphas = torch.zeros_like(by_alphas)  # the gradient by alphas counts once, with the first channels
        assert by_flat is not None
        return torch.cat(found, -1)[:, : features.shape[1]].contiguous(), by_flat

    return _within_memory(prepared, gradients)


def _by_geometry(prepared: Prepared, geometry: list[Tensor], by_place: Tensor, by_conic: Tensor) -> list[Tensor]:
    """Return the gradients by means, quats and scales, from those by means and inverse covariances on screen."""
    types = (wp.vec3, wp.vec4, wp.vec3)
    given = [array(t, kind) for t, kind in zip(geometry, types, strict=True)]
    grads = [torch.zeros_like(t) for t in geometry]
    places, conics = torch.empty_like(by_place), torch.empty_like(by_conic)
    launch_adjoint(
        project_drawn,
        len(by_place),
        inputs=[prepared.view, *given, array(prepared.radii)],
        outputs=[array(places, wp.vec2), array(conics, wp.vec3)],
        by_inputs=[View(), *(array(t, kind) for t, kind in zip(grads, types, strict=True)), None],
        by_outputs=[array(by_place, wp.vec2), array(by_conic, wp.vec3)],
        device=by_place.device,
    )
    return grads
