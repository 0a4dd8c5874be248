"""The rasteriser of gsplat, where it is installed: colours, features and votes, for people who have it and compare.

A thin layer over gsplat's projection, lists of tiles and blending, which need a card. What gsplat does not tell, the
weights of single pixels, it refuses. Its sums are atomic: the same input does not give the same bits. Alphabet and
semantics are those of `raster.interface`.

Source: gsplat 1.5.3 (Ye et al., arXiv 2409.06765), whose cut-offs are those of `RasterSettings`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.errors import BackendError
from splatseg.raster.interface import DEFAULT_SETTINGS, Growth, PixelPlan, Plan, Raster, RasterSettings
from splatseg.raster.weights import Floors, SparseWeights, VoteEntries, entries_above

TILE = 16
"""Side of gsplat's tiles, in pixels."""

CHANNELS = 32
"""Channels of labels that are blended, or summed, at once; gsplat has kernels for this number."""


@dataclass(frozen=True, eq=False)
class Listed:
    """Gaussians on screen and in the lists of tiles, as gsplat's blending takes them; a batch of one picture."""

    means2d: Tensor
    """Projected means (1,N,2) in pixels."""

    conics: Tensor
    """Inverse covariances on screen, (1,N,3) as (xx, xy, yy), 1/px^2."""

    opacities: Tensor
    """Opacities (1,N) in 0..1, 0 for Gaussians that are not finite."""

    radii: Tensor
    """Half-extents in pixels (see `interface.Raster`), (N,) int32."""

    offsets: Tensor
    """First entry of each tile, (1,tiles_y,tiles_x) int32."""

    ids: Tensor
    """Gaussian of each entry, int32."""

    camera: Camera
    """Camera whose image is blended."""


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
        means2d_offset = torch.zeros_like(means[:, :2], requires_grad=True)
    listed = _listed((means, quats, scales, opacities), camera, settings, means2d_offset)
    if growth is not None and listed.means2d.requires_grad:
        listed.means2d.register_hook(lambda gradient: growth.observe(gradient[0], listed.radii, camera))
    blended, alphas = _blend(listed, features)
    return Raster(blended, alphas, listed.radii)


def prepare(
    means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor, camera: Camera, settings: RasterSettings
) -> Listed:
    """See `interface.prepare`."""
    return _listed((means, quats, scales, opacities), camera, settings, None)


def rasterize_plan(plan: Plan, features: Tensor) -> tuple[Tensor, Tensor]:
    """See `interface.rasterize_plan`."""
    blended, alphas = _blend(plan.state, features)
    return blended, alphas.detach()


def rasterize_levels(plan: Plan, levels: Tensor, count: int, share: float) -> Tensor:
    """See `interface.rasterize_levels`."""
    highest = torch.zeros(plan.camera.height, plan.camera.width, dtype=torch.uint8, device=plan.device)
    for numbers in _rounds(1, count, plan.device):
        # Selections are nested, so the visible ones are the first: their number is the highest level.
        blended, _ = _blend(plan.state, (levels[:, None].int() >= numbers).float())
        highest += (blended > share).sum(-1).to(torch.uint8)
    return highest


def rasterize_labels(plan: Plan, labels: Tensor, count: int) -> Tensor:
    """See `interface.rasterize_labels`."""
    best = torch.zeros(plan.camera.height, plan.camera.width, dtype=torch.int32, device=plan.device)
    most = torch.full_like(best, -1, dtype=torch.float32)
    for numbers in _rounds(0, count, plan.device):
        blended, alphas = _blend(plan.state, (labels[:, None] == numbers).float())
        if numbers[0] == 0:
            blended[..., 0] += 1 - alphas
        here = blended.amax(-1)
        # The first of equals, within a round and between rounds.
        first = (blended == here[..., None]).int().argmax(-1)
        best = torch.where(here > most, numbers[first].int(), best)
        most = torch.maximum(here, most)
    return best


def rasterize_middle(plan: Plan, values: Tensor) -> Tensor:
    """Raise BackendError: gsplat does not offer it."""
    _refuse("the middle of a pixel's light")


def prepare_pixels(plan: Plan, pixels: Tensor) -> NoReturn:
    """Raise BackendError: gsplat does not offer it."""
    _refuse("blending at single pixels")


def rasterize_pixels(plan: PixelPlan, features: Tensor) -> Tensor:
    """Raise BackendError: gsplat does not offer it."""
    _refuse("blending at single pixels")


def contributors(plan: Plan, pixels: Tensor) -> SparseWeights:
    """Raise BackendError: gsplat does not offer it."""
    _refuse("contributors")


def accumulate(plan: Plan, values: Tensor) -> Tensor:
    """See `interface.accumulate`. Blending is linear in the features, so its gradient by them is its transpose."""
    with torch.enable_grad():
        parts: list[Tensor] = []
        for part in values.float().split(CHANNELS, -1):
            zeros = torch.zeros(plan.count, part.shape[-1], device=plan.device, requires_grad=True)
            blended, _ = _blend(plan.state, zeros)
            parts += torch.autograd.grad(blended, zeros, part.contiguous())
    return torch.cat(parts, 1) if parts else values.new_zeros(plan.count, 0)


def vote(plan: Plan, label_maps: Tensor, count: int) -> tuple[SparseWeights, Tensor]:
    """See `interface.vote`."""
    rows, columns, weights = _votes(plan, label_maps, count)
    indptr = torch.searchsorted(rows, torch.arange(plan.count + 1, device=plan.device))
    return SparseWeights(indptr, columns, weights, count), _totals(plan)


def vote_above(plan: Plan, label_maps: Tensor, count: int, floors: Floors) -> tuple[VoteEntries, Tensor]:
    """See `interface.vote_above`."""
    totals = _totals(plan)
    return entries_above(*_votes(plan, label_maps, count), totals, floors), totals


def _votes(plan: Plan, label_maps: Tensor, count: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return the sums of weights by Gaussian and label that are above zero: rows, columns, weights (nnz,)."""
    nowhere = torch.zeros(0, dtype=torch.int64, device=plan.device)
    rows, columns, weights = [nowhere], [nowhere], [nowhere.float()]
    for numbers in _rounds(1, count, plan.device):
        sums = accumulate(plan, (label_maps[..., None] == numbers).sum(0).float())
        row, column = torch.nonzero(sums, as_tuple=True)
        rows.append(row)
        columns.append(numbers[column] - 1)
        weights.append(sums[row, column])
    order = torch.sort(torch.cat(rows), stable=True).indices
    return torch.cat(rows)[order], torch.cat(columns)[order].int(), torch.cat(weights)[order]


def _totals(plan: Plan) -> Tensor:
    return accumulate(plan, torch.ones(plan.camera.height, plan.camera.width, 1, device=plan.device))[:, 0]


def _library(device: torch.device) -> Any:
    """Return gsplat. Raises BackendError for a device without its kernels."""
    if device.type != "cuda":
        raise BackendError("the backend gsplat computes on a card alone; use the backend native on the processor")
    import gsplat  # noqa: PLC0415 (an optional library, which looks for a compiler when it is imported)

    return gsplat


def _listed(
    geometry: tuple[Tensor, Tensor, Tensor, Tensor],
    camera: Camera,
    settings: RasterSettings,
    offset: Tensor | None,
) -> Listed:
    _check_settings(settings)
    library, device = _library(geometry[0].device), geometry[0].device
    means, quats, scales, opacities = _cleaned(*geometry)
    viewmats = torch.as_tensor(camera.viewmat, dtype=torch.float32, device=device)[None]
    Ks = torch.as_tensor(camera.K, dtype=torch.float32, device=device)[None]
    radii, means2d, depths, conics, _ = library.fully_fused_projection(
        means,
        None,
        quats,
        scales,
        viewmats,
        Ks,
        camera.width,
        camera.height,
        eps2d=settings.eps2d,
        near_plane=settings.near,
        opacities=opacities.detach(),
    )
    if offset is not None:
        means2d = means2d + offset.float()
    tiles_x, tiles_y = -(-camera.width // TILE), -(-camera.height // TILE)
    _, entries, ids = library.isect_tiles(means2d.detach(), radii, depths.detach(), TILE, tiles_x, tiles_y)
    offsets = library.isect_offset_encode(entries, 1, tiles_x, tiles_y)
    return Listed(means2d, conics, opacities[None], radii[0].amax(-1), offsets, ids, camera)


def _blend(listed: Listed, features: Tensor) -> tuple[Tensor, Tensor]:
    """Return blended features (H,W,F) and alphas (H,W)."""
    camera, library = listed.camera, _library(features.device)
    blended, alphas = library.rasterize_to_pixels(
        listed.means2d,
        listed.conics,
        features.float()[None],
        listed.opacities,
        camera.width,
        camera.height,
        TILE,
        listed.offsets,
        listed.ids,
    )
    return blended[0], alphas[0, ..., 0]


def _cleaned(means: Tensor, quats: Tensor, scales: Tensor, opacities: Tensor) -> tuple[Tensor, ...]:
    """Return the parameters as float32, those of Gaussians that are not to be drawn replaced by ones of no opacity."""
    means, quats, scales, opacities = (tensor.float() for tensor in (means, quats, scales, opacities))
    everything = torch.cat([means, quats, scales, opacities[:, None]], dim=1).detach()
    drawn = torch.isfinite(everything).all(1) & (quats.detach().square().sum(1) > 0)
    # Replaced before any arithmetic: NaN times a zero gradient is NaN.
    upright = torch.tensor([1.0, 0.0, 0.0, 0.0], device=quats.device)
    means, scales = means.where(drawn[:, None], 0.0), scales.where(drawn[:, None], 1.0)
    return means, quats.where(drawn[:, None], upright), scales, opacities.where(drawn, 0.0)


def _rounds(first: int, last: int, device: torch.device) -> Iterator[Tensor]:
    """Yield the numbers first..last, as many at once as there are channels."""
    yield from torch.arange(first, last + 1, device=device).split(CHANNELS) if last >= first else ()


def _check_settings(settings: RasterSettings) -> None:
    """Raise BackendError for cut-offs other than those that are compiled into gsplat."""
    for name in ("alpha_min", "alpha_max", "transmittance_min", "frustum_margin"):
        asked, there = getattr(settings, name), getattr(DEFAULT_SETTINGS, name)
        if asked != there:
            raise BackendError(f"gsplat has {name} {there:g} built in and {asked:g} is asked; use another backend")


def _refuse(what: str) -> NoReturn:
    raise BackendError(f"gsplat does not tell the weights of pixels, which {what} needs; use the backend warp")
