"""The rasteriser by its definition: every Gaussian against every pixel, in plain torch, with autograd.

Slow, readable, in float32 or float64, without tiles, without code shared with another backend. It defines the answer.

Source: EWA splatting (Zwicker et al. 2001) as used by 3D Gaussian Splatting (Kerbl et al. 2023, section 4 and 6), with
the cut-offs of gsplat 1.5.3 (see `RasterSettings`).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.raster.interface import Growth, PixelPlan, Plan, Raster, RasterSettings
from splatseg.raster.rotations import rotation_matrices
from splatseg.raster.weights import Floors, SparseWeights, VoteEntries

PIXELS_AT_ONCE = 4096
"""Pixels blended together, which bounds the weight matrix (P,N) in memory."""


@dataclass(frozen=True, eq=False)
class Projected:
    """Gaussians on screen."""

    means2d: Tensor
    """Projected means (N,2) in pixels."""

    conics: Tensor
    """Inverse covariances on screen, (N,3) as (xx, xy, yy), 1/px^2."""

    depths: Tensor
    """Depths along the optical axis, (N,)."""

    opacities: Tensor
    """Opacities (N,) in 0..1."""

    radii: Tensor
    """Half-extents in pixels (see `interface.Raster`), (N,) int32."""

    drawn: Tensor
    """True for Gaussians that are drawn, (N,) bool."""


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
    if growth is not None and means2d_offset is None:
        means2d_offset = torch.zeros(len(means), 2, dtype=means.dtype, requires_grad=True)
    projected = project(means, quats, scales, opacities, camera, settings, means2d_offset)
    blended, alphas = _blend(projected, features, _all_pixels(camera), settings)
    shape = (camera.height, camera.width)
    if growth is not None and means2d_offset is not None and means2d_offset.requires_grad:
        means2d_offset.register_hook(lambda gradient: growth.observe(gradient, projected.radii, camera))
    return Raster(blended.reshape(*shape, -1), alphas.reshape(shape), projected.radii)


def prepare(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, camera: Camera, settings: RasterSettings
) -> Projected:
    """See `interface.prepare`."""
    return project(means, quats, scales, opacities, camera, settings)


def rasterize_plan(plan: Plan, features: Tensor) -> tuple[Tensor, Tensor]:
    """See `interface.rasterize_plan`."""
    blended, alphas = _blend(plan.state, features, _all_pixels(plan.camera), plan.settings)
    shape = (plan.camera.height, plan.camera.width)
    return blended.reshape(*shape, -1), alphas.reshape(shape)


def rasterize_levels(plan: Plan, levels: Tensor, count: int, share: float) -> Tensor:
    """See `interface.rasterize_levels`. Every selection is blended by itself."""
    sets = levels[:, None].long() >= torch.arange(1, count + 1)
    blended, _ = rasterize_plan(plan, sets.to(plan.state.means2d.dtype))
    # Selections are nested, so the visible ones are the first: their number is the highest level.
    return (blended > share).sum(-1).to(torch.uint8)


def rasterize_labels(plan: Plan, labels: Tensor, count: int) -> Tensor:
    """See `interface.rasterize_labels`. Every label is blended by itself."""
    sets = labels[:, None].long() == torch.arange(count + 1)
    blended, alphas = rasterize_plan(plan, sets.to(plan.state.means2d.dtype))
    blended[..., 0] += 1 - alphas
    # The first of equals.
    return (blended == blended.amax(-1, keepdim=True)).int().argmax(-1).to(torch.int32)


def rasterize_middle(plan: Plan, values: Tensor) -> Tensor:
    """See `interface.rasterize_middle`."""
    order = torch.sort(plan.state.depths, stable=True).indices
    rows = []
    for chunk in _all_pixels(plan.camera).split(PIXELS_AT_ONCE):
        behind = weights(plan.state, chunk, plan.settings)[:, order].cumsum(1)
        light = torch.nn.functional.pad(behind, (1, 0)).clamp(0.25, 0.75)
        parts = light.diff(dim=1)
        middle = light[:, -1] - 0.25
        rows.append((parts @ values[order]).where(middle > 0, 0.0) / middle.where(middle > 0, 1.0))
    return torch.cat(rows).reshape(plan.camera.height, plan.camera.width)


def prepare_pixels(plan: Plan, pixels: Tensor) -> tuple[None, int]:
    """See `interface.prepare_pixels`. Nothing is kept."""
    return None, 0


def rasterize_pixels(plan: PixelPlan, features: Tensor) -> Tensor:
    """See `interface.rasterize_pixels`."""
    return _blend(plan.plan.state, features, plan.pixels, plan.plan.settings)[0]


def contributors(plan: Plan, pixels: Tensor) -> SparseWeights:
    """See `interface.contributors`."""
    # Columns in depth order, so that the entries of a row run front to back.
    order = torch.sort(plan.state.depths, stable=True).indices
    counts, columns, values = [], [], []
    for chunk in pixels.split(PIXELS_AT_ONCE):
        w = weights(plan.state, chunk, plan.settings)[:, order]
        row, place = torch.nonzero(w, as_tuple=True)
        counts.append((w != 0).sum(1))
        columns.append(order[place])
        values.append(w[row, place])
    indptr = torch.cat([torch.zeros(1, dtype=torch.int64), torch.cat(counts).cumsum(0)])
    return SparseWeights(indptr, torch.cat(columns).int(), torch.cat(values), plan.count)


def accumulate(plan: Plan, values: Tensor) -> Tensor:
    """See `interface.accumulate`."""
    flat = values.reshape(-1, values.shape[-1])
    summed = flat.new_zeros(plan.count, flat.shape[1])
    pixels = _all_pixels(plan.camera)
    for start in range(0, len(pixels), PIXELS_AT_ONCE):
        chunk = slice(start, start + PIXELS_AT_ONCE)
        summed += weights(plan.state, pixels[chunk], plan.settings).T @ flat[chunk]
    return summed


def vote(plan: Plan, label_maps: Tensor, count: int) -> tuple[SparseWeights, Tensor]:
    """See `interface.vote`."""
    flat = label_maps.flatten(1).long()
    # Column 0 holds pixels without a label.
    one_hot = torch.zeros(flat.shape[1], count + 1, dtype=plan.state.means2d.dtype)
    for layer in flat:
        one_hot.scatter_add_(1, layer[:, None], torch.ones_like(one_hot[:, :1]))
    shape = (plan.camera.height, plan.camera.width, -1)
    dense = accumulate(plan, one_hot.reshape(shape))[:, 1:]
    totals = accumulate(plan, one_hot.new_ones(*shape[:2], 1))[:, 0]
    row, column = torch.nonzero(dense, as_tuple=True)
    indptr = torch.cat([torch.zeros(1, dtype=torch.int64), (dense != 0).sum(1).cumsum(0)])
    return SparseWeights(indptr, column.int(), dense[row, column], count), totals


def vote_above(plan: Plan, label_maps: Tensor, count: int, floors: Floors) -> tuple[VoteEntries, Tensor]:
    """See `interface.vote_above`."""
    found, totals = vote(plan, label_maps, count)
    rows = torch.repeat_interleave(torch.arange(plan.count), found.indptr.diff())
    unseen = found.columns == floors.ignored - 1
    totals[rows[unseen]] = (totals[rows[unseen]] - found.weights[unseen]).clamp(min=0)
    kept = (found.weights > (floors.share * totals).clamp(min=floors.least)[rows]) & ~unseen
    return VoteEntries(rows[kept].int(), found.columns[kept], found.weights[kept]), totals


def project(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    camera: Camera,
    settings: RasterSettings,
    means2d_offset: Tensor | None = None,
) -> Projected:
    """Project Gaussians to the image plane by the local affine (EWA) approximation."""
    finite = _finite(means, quats, scales, opacities)
    # Replace Gaussians that are not finite before any arithmetic: NaN times a zero gradient is NaN.
    means, scales = means.where(finite[:, None], 0.0), scales.where(finite[:, None], 1.0)
    opacities = opacities.where(finite, 0.0)
    quats = quats.where(finite[:, None], torch.tensor([1.0, 0.0, 0.0, 0.0], dtype=quats.dtype))

    viewmat = torch.as_tensor(camera.viewmat, dtype=means.dtype)
    R_view, t_view = viewmat[:3, :3], viewmat[:3, 3]
    local = means @ R_view.T + t_view
    depths = local[:, 2]
    drawn = finite & (depths >= settings.near)
    z = depths.where(drawn, 1.0)

    fx, fy, cx, cy = (float(camera.K[i, j]) for i, j in ((0, 0), (1, 1), (0, 2), (1, 2)))
    tan_x, tan_y = _clamped_tangents(local, z, (fx, fy, cx, cy), camera, settings)
    # J (N,2,3): derivative of the projection by the point in camera coordinates.
    zero = torch.zeros_like(z)
    J = torch.stack(
        [torch.stack([fx / z, zero, -fx * tan_x / z], -1), torch.stack([zero, fy / z, -fy * tan_y / z], -1)], -2
    )
    # axes = R S, so that the covariance in the world is axes axes^T.
    axes = rotation_matrices(quats / quats.norm(dim=1, keepdim=True)) * scales[:, None, :]
    half = J @ R_view @ axes
    covar2d = half @ half.transpose(1, 2)
    xx, xy, yy = covar2d[:, 0, 0] + settings.eps2d, covar2d[:, 0, 1], covar2d[:, 1, 1] + settings.eps2d
    det = xx * yy - xy * xy
    drawn = drawn & (det > 0) & torch.isfinite(det) & (opacities >= settings.alpha_min)
    det = det.where(drawn, 1.0)
    conics = torch.stack([yy / det, -xy / det, xx / det], -1)

    means2d = torch.stack([fx * local[:, 0] / z + cx, fy * local[:, 1] / z + cy], -1)
    if means2d_offset is not None:
        means2d = means2d + means2d_offset
    extents = _extents(xx, yy, opacities, drawn, settings)
    drawn = drawn & _on_screen(means2d, extents, camera)
    radii = extents.amax(-1).ceil().to(torch.int32) * drawn
    return Projected(means2d, conics, depths, opacities, radii, drawn)


def weights(projected: Projected, pixels: Tensor, settings: RasterSettings) -> Tensor:
    """Return blending weights (P,N) of all Gaussians at pixels (P,2) int64 (x, y); zero where a cut-off applies."""
    # A stable sort orders equal depths by index.
    order = torch.sort(projected.depths.detach(), stable=True).indices
    centres = pixels.to(projected.means2d.dtype) + 0.5
    d = centres[:, None, :] - projected.means2d[order][None]
    xx, xy, yy = projected.conics[order].unbind(-1)
    sigma = 0.5 * (xx * d[..., 0] ** 2 + yy * d[..., 1] ** 2) + xy * d[..., 0] * d[..., 1]
    alpha = (projected.opacities[order] * torch.exp(-sigma)).clamp(max=settings.alpha_max)
    kept = projected.drawn[order] & (alpha >= settings.alpha_min) & (sigma >= 0)
    alpha = alpha.where(kept, 0.0)
    # Transmittance behind each Gaussian, and before it: the same shifted by one.
    after = torch.cumprod(1.0 - alpha, dim=1)
    before = torch.cat([torch.ones_like(after[:, :1]), after[:, :-1]], dim=1)
    w = (alpha * before).where(after > settings.transmittance_min, 0.0)
    return torch.zeros_like(w).index_copy(1, order, w)


def _blend(projected: Projected, features: Tensor, pixels: Tensor, settings: RasterSettings) -> tuple[Tensor, Tensor]:
    """Return blended features (P,F) and alphas (P,) at pixels (P,2)."""
    # A Gaussian that is not drawn has weight 0, but 0 * NaN would spread: its features become 0.
    features = features.where(projected.drawn[:, None], 0.0)
    blended, alphas = [], []
    for chunk in pixels.split(PIXELS_AT_ONCE):
        w = weights(projected, chunk, settings)
        blended.append(w @ features)
        alphas.append(w.sum(1))
    return torch.cat(blended), torch.cat(alphas)


def _finite(means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor) -> Tensor:
    """Return (N,) bool: all parameters are finite and the quaternion is not zero."""
    everything = torch.cat([means, quats, scales, opacities[:, None]], dim=1).detach()
    return torch.isfinite(everything).all(1) & (quats.detach().square().sum(1) > 0)


def _clamped_tangents(
    local: Tensor, z: Tensor, intrinsics: tuple[float, float, float, float], camera: Camera, settings: RasterSettings
) -> tuple[Tensor, Tensor]:
    """Return x/z and y/z (N,) for the Jacobian, clamped to the widened frustum."""
    # Far outside the frustum the affine approximation blows up: the Jacobian there is that of the clamped direction.
    fx, fy, cx, cy = intrinsics
    margin_x = settings.frustum_margin * 0.5 * camera.width / fx
    margin_y = settings.frustum_margin * 0.5 * camera.height / fy
    tan_x = (local[:, 0] / z).clamp(-(cx / fx + margin_x), (camera.width - cx) / fx + margin_x)
    tan_y = (local[:, 1] / z).clamp(-(cy / fy + margin_y), (camera.height - cy) / fy + margin_y)
    return tan_x, tan_y


def _extents(xx: Tensor, yy: Tensor, opacities: Tensor, drawn: Tensor, settings: RasterSettings) -> Tensor:
    """Return the half-sides (N,2), in pixels, of the box around the ellipse alpha = alpha_min."""
    # On that ellipse sigma = log(opacity / alpha_min). Its half-side along x is sqrt(2 sigma xx), by covariance xx.
    reach = 2.0 * torch.log((opacities.detach() / settings.alpha_min).clamp(min=1.0))
    sides = torch.stack([xx, yy], -1).detach() * reach[:, None]
    return sides.sqrt().where(drawn[:, None], 0.0)


def _on_screen(means2d: Tensor, extents: Tensor, camera: Camera) -> Tensor:
    """Return (N,) bool: the box around the ellipse meets the image."""
    low, high = (means2d - extents).detach(), (means2d + extents).detach()
    size = torch.tensor([camera.width, camera.height], dtype=means2d.dtype)
    return ((high > 0) & (low < size)).all(1)


def _all_pixels(camera: Camera) -> Tensor:
    """Return all pixels (H*W,2) as (x, y), row by row."""
    y, x = torch.meshgrid(torch.arange(camera.height), torch.arange(camera.width), indexing="ij")
    return torch.stack([x.flatten(), y.flatten()], -1)
