"""The rasteriser's contract: one operation for everything, several backends, one set of cut-offs.

    features (H,W,F) = sum_i w_i f_i        alphas (H,W) = sum_i w_i        w_i = alpha_i * prod_{j<i} (1 - alpha_j)

Colour is F = 3 (spherical harmonics are evaluated outside), depth is one more channel, a background is composited
outside as features + (1 - alphas) * background. So the operation needs no modes.

Tensors on the processor are taken to the card if the process computes on one (`machine.devices`) and no backend is
named, and results come back to where the tensors were. Tensors on a card stay there.

Alphabet: N Gaussians, F channels, H x W pixels, P sampled pixels, C channels of per-pixel values. Coordinates are
those of `cameras.camera`; conventions and the source of every cut-off are in docs/conventions.md.
"""

from __future__ import annotations

import importlib
import importlib.util
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import torch
from torch import Tensor

from splatseg.arrays import check_shapes
from splatseg.cameras.camera import Camera
from splatseg.errors import BackendError
from splatseg.machine.devices import current
from splatseg.raster.weights import Floors, SparseWeights, VoteEntries

BACKENDS = {
    "native": "splatseg.raster.native",
    "warp": "splatseg.raster.warp.backend",
    "gsplat": "splatseg.raster.gsplat",
    "reference": "splatseg.raster.reference",
}
"""Backends by name, with their modules."""

OPTIONAL = {"warp": ("NVIDIA Warp", '"splatseg[cuda]"'), "gsplat": ("gsplat", '"gsplat>=1.5.3"')}
"""Backends that stand on a library: its name, and what pip installs. The module is called as the backend."""


@dataclass(frozen=True, kw_only=True)
class RasterSettings:
    """Cut-offs of all backends. The values are those of gsplat 1.5.3 (its names in brackets)."""

    near: float = 0.01
    """[near_plane] Least depth of a Gaussian that is drawn."""

    eps2d: float = 0.3
    """[eps2d] px^2 added to the diagonal of the projected covariance: a low-pass filter."""

    alpha_min: float = 1.0 / 255.0
    """[ALPHA_THRESHOLD] Weaker contributions are skipped."""

    alpha_max: float = 0.999
    """Largest alpha of a Gaussian: behind a fully opaque one gradients would vanish."""

    transmittance_min: float = 1e-4
    """A pixel stops before its transmittance would fall to this or below."""

    frustum_margin: float = 0.3
    """x/z and y/z in the Jacobian are clamped to the frustum widened by this share of its half-width on each side."""


@dataclass(frozen=True, eq=False)
class Raster:
    """Result of `rasterize`."""

    features: Tensor
    """Blended features (H,W,F), not normalised by alphas."""

    alphas: Tensor
    """Sum of the blending weights of each pixel, (H,W)."""

    radii: Tensor
    """Half-extent in pixels of the ellipse alpha = alpha_min, the larger of x and y, rounded up; (N,) int32, 0 = not
    drawn."""


@dataclass(frozen=True, eq=False)
class Plan:
    """Geometry prepared for one camera: projection, depth order, tile lists. Reusable while the geometry is frozen."""

    backend: str
    """Name of the backend that made the plan and uses it."""

    camera: Camera
    """Camera whose image is blended."""

    settings: RasterSettings
    """Cut-offs."""

    count: int
    """N, number of Gaussians."""

    state: Any
    """Data of the backend."""

    device: torch.device
    """Device of the data."""


@dataclass(frozen=True, eq=False)
class PixelPlan:
    """Blending weights of sampled pixels, kept: `rasterize_pixels` of any features is then one sparse product."""

    plan: Plan
    """Prepared geometry."""

    pixels: Tensor
    """Sampled pixels (P,2) int64 as (x, y)."""

    state: Any
    """Data of the backend."""

    size: int
    """Memory that `state` takes, in bytes."""


@dataclass(frozen=True, eq=False)
class Growth:
    """Statistics for densification, added up over views, in place, by the backward of `rasterize`."""

    gradient_sum: Tensor
    """Sum of the norms of the gradient by the projected mean, in half-image units; (N,)."""

    views: Tensor
    """Number of views that drew each Gaussian, (N,)."""

    def observe(self, gradient: Tensor, radii: Tensor, camera: Camera) -> None:
        """Add one view: gradient (N,2) by the projected mean in pixels, and radii (N,). Gradients not finite add 0."""
        half = gradient.new_tensor([camera.width / 2, camera.height / 2])
        norms = torch.linalg.vector_norm(gradient * half, dim=1).nan_to_num_(0.0, 0.0, 0.0)
        self.gradient_sum.add_(norms.to(self.gradient_sum.device))
        self.views.add_((radii > 0).to(self.views.device))


DEFAULT_SETTINGS = RasterSettings()
"""The cut-offs in use everywhere."""


def rasterize(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    features: Tensor,
    camera: Camera,
    settings: RasterSettings = DEFAULT_SETTINGS,
    backend: str | None = None,
    means2d_offset: Tensor | None = None,
    growth: Growth | None = None,
) -> Raster:
    """Blend features of Gaussians into the image of a camera, front to back. Differentiable in every tensor.

    means (N,3) world; quats (N,4) wxyz, normalised here; scales (N,3) linear; opacities (N,) in 0..1; features (N,F).
    means2d_offset (N,2), in pixels, is added to the projected means: its gradient is the positional gradient on
    screen (pass zeros that require a gradient). growth collects its norms whenever the backward runs.
    Gaussians that are not finite, have a zero quaternion, or lie off screen contribute nothing and get zero gradients.
    Equal depths are ordered by index. backend: None takes the fastest that fits the tensors.

    Raises ValueError for shapes that do not agree, BackendError for a backend that is not available.

    Example:
        >>> splats, camera = scene.splats, scene.view("012.jpg").camera
        >>> splatseg.rasterize(*splats.geometry, splats.features, camera).features.shape
        torch.Size([120, 160, 64])
    """
    check_shapes(
        means=(means, "N 3"),
        quats=(quats, "N 4"),
        scales=(scales, "N 3"),
        opacities=(opacities, "N"),
        features=(features, "N F"),
    )
    if means2d_offset is not None:
        check_shapes(means=(means, "N 3"), means2d_offset=(means2d_offset, "N 2"))
    name, device = _place(means, backend)
    offset = None if means2d_offset is None else means2d_offset.to(device)
    tensors = [tensor.to(device) for tensor in (means, quats, scales, opacities, features)]
    raster: Raster = _load(name).rasterize(*tensors, camera, settings, means2d_offset=offset, growth=growth)
    if device == means.device:
        return raster
    return Raster(*(part.to(means.device) for part in (raster.features, raster.alphas, raster.radii)))


def prepare(
    means: Tensor,
    quats: Tensor,
    scales: Tensor,
    opacities: Tensor,
    camera: Camera,
    settings: RasterSettings = DEFAULT_SETTINGS,
    backend: str | None = None,
) -> Plan:
    """Project, sort and bin frozen geometry once, for the operations below. No gradient reaches the geometry."""
    check_shapes(means=(means, "N 3"), quats=(quats, "N 4"), scales=(scales, "N 3"), opacities=(opacities, "N"))
    name, device = _place(means, backend)
    with torch.no_grad():
        geometry = [tensor.to(device) for tensor in (means, quats, scales, opacities)]
        state = _load(name).prepare(*geometry, camera, settings)
    return Plan(name, camera, settings, means.shape[0], state, device)


def rasterize_plan(plan: Plan, features: Tensor) -> tuple[Tensor, Tensor]:
    """Blend features (N,F) on prepared geometry: ((H,W,F), alphas (H,W)). Differentiable in features only."""
    assert features.shape[0] == plan.count, f"the plan has {plan.count} Gaussians, features {features.shape[0]}"
    blended, alphas = _load(plan.backend).rasterize_plan(plan, features.to(plan.device))
    return blended.to(features.device), alphas.to(features.device)


def rasterize_levels(plan: Plan, levels: Tensor, count: int, share: float) -> Tensor:
    """Render the masks of nested selections in one pass: (H,W) uint8, the highest level visible at each pixel, or 0.

    A level l is visible where the Gaussians of level l and above make up more than `share` of the pixel.

    levels (N,) uint8, 0..count <= 255. Selection l is `levels >= l`, its mask `result >= l`.
    """
    check_shapes(levels=(levels, f"{plan.count}"))
    assert count <= 255, f"levels are of 8 bits, got {count} of them"
    with torch.no_grad():
        there = levels.to(plan.device, torch.uint8).contiguous()
        found: Tensor = _load(plan.backend).rasterize_levels(plan, there, count, share)
    return found.to(levels.device)


def rasterize_labels(plan: Plan, labels: Tensor, count: int) -> Tensor:
    """Render of every pixel the label that makes up most of it: (H,W) int32, in one pass for any number of labels.

    The label with the largest sum of weights wins. Label 0 also has the light that passes through, 1 - sum_i w_i; it
    wins ties, then the smaller label does.

    labels (N,) int32, 0..count. Not differentiable.
    """
    check_shapes(labels=(labels, f"{plan.count}"))
    with torch.no_grad():
        there = labels.to(plan.device, torch.int32).contiguous()
        found: Tensor = _load(plan.backend).rasterize_labels(plan, there, count)
    return found.to(labels.device)


def rasterize_middle(plan: Plan, values: Tensor) -> Tensor:
    """Return (H,W), at each pixel the mean of values (N,) over its light from the first to the last quarter.

    The weights of Gaussians, front to back, fill a pixel's light from 0 to 1; a Gaussian counts by as much of its
    weight as lies between 1/4 and 3/4. Given depths, this is the depth of the surface, where a mean over all weights
    follows the little that shines through from far behind. Pixels whose light does not reach 1/4 are 0. Not
    differentiable.
    """
    check_shapes(values=(values, f"{plan.count}"))
    with torch.no_grad():
        middle: Tensor = _load(plan.backend).rasterize_middle(plan, values.to(plan.device))
    return middle.to(values.device)


def prepare_pixels(plan: Plan, pixels: Tensor) -> PixelPlan:
    """Compute the weights of sampled pixels (P,2) int64 (x, y) once, to blend them many times. Pixels may repeat.

    The plan keeps 8 bytes for every Gaussian that contributes to a pixel: some 50 Gaussians a pixel in an ordinary
    scene.

    Raises ValueError for pixels outside the image.
    """
    pixels = _checked_pixels(plan, pixels)
    with torch.no_grad():
        state, size = _load(plan.backend).prepare_pixels(plan, pixels.to(plan.device))
    return PixelPlan(plan, pixels, state, size)


def rasterize_pixels(plan: Plan | PixelPlan, features: Tensor, pixels: Tensor | None = None) -> Tensor:
    """Blend features (N,F) at sampled pixels only: (P,F) for pixels (P,2) int64 as (x, y). Differentiable in features.

    A `PixelPlan` has its pixels already; `pixels` is then None.

    Raises ValueError for pixels outside the image.
    """
    if isinstance(plan, Plan):
        assert pixels is not None, "a plan needs the pixels to be blended"
        plan = prepare_pixels(plan, pixels)
    else:
        assert pixels is None, "a pixel plan has its pixels already"
    count = plan.plan.count
    assert features.shape[0] == count, f"the plan has {count} Gaussians, features {features.shape[0]}"
    blended: Tensor = _load(plan.plan.backend).rasterize_pixels(plan, features.to(plan.plan.device))
    return blended.to(features.device)


def contributors(plan: Plan, pixels: Tensor) -> SparseWeights:
    """Return the weights of all Gaussians that contribute to sampled pixels (P,2) int64 (x, y): (P,N), a row a pixel.

    Rows run front to back, and no Gaussian is left out, however many contribute. Raises ValueError for pixels outside
    the image.
    """
    pixels = _checked_pixels(plan, pixels)
    with torch.no_grad():
        found: SparseWeights = _load(plan.backend).contributors(plan, pixels.to(plan.device))
    indptr, columns, weights = (part.to(pixels.device) for part in (found.indptr, found.columns, found.weights))
    return SparseWeights(indptr, columns, weights, found.width)


def accumulate(plan: Plan, values: Tensor) -> Tensor:
    """Sum values (H,W,C) by blending weight, the transpose of blending: (N,C), for each Gaussian sum w_i * values."""
    check_shapes(values=(values, f"{plan.camera.height} {plan.camera.width} C"))
    with torch.no_grad():
        summed: Tensor = _load(plan.backend).accumulate(plan, values.to(plan.device))
    return summed.to(values.device)


def vote(plan: Plan, label_maps: Tensor, count: int) -> tuple[SparseWeights, Tensor]:
    """Sum blending weights by label: sparse weights (N, count), and totals (N,) over all pixels of the image.

    label_maps (H,W) or, for masks that overlap, (L,H,W): integers 0..count, 0 = none. Column j - 1 holds for each
    Gaussian the sum of w_i over the pixels of label j, of all layers; only sums above zero are kept, columns ascending.
    This takes one pass over the image for any number of labels and layers.

    Raises ValueError for maps of another size and for labels outside 0..count.
    """
    back, label_maps = label_maps.device, _checked_labels(plan, label_maps, count)
    with torch.no_grad():
        found, totals = _load(plan.backend).vote(plan, label_maps, count)
    indptr, columns, weights = (part.to(back) for part in (found.indptr, found.columns, found.weights))
    return SparseWeights(indptr, columns, weights, found.width), totals.to(back)


def vote_above(plan: Plan, label_maps: Tensor, count: int, floors: Floors) -> tuple[VoteEntries, Tensor]:
    """Sum blending weights by label as `vote` does, and keep what is above floors: (entries, totals (N,)).

    An entry is kept if its weight is greater than `floors.least` and than `floors.share` of the Gaussian's total. The
    label `floors.ignored` votes for nothing: its weights are taken from the totals, which do not fall below zero.

    Raises ValueError for maps of another size and for labels outside 0..count.
    """
    back, label_maps = label_maps.device, _checked_labels(plan, label_maps, count)
    with torch.no_grad():
        entries, totals = _load(plan.backend).vote_above(plan, label_maps, count, floors)
    rows, columns, weights = (part.to(back) for part in (entries.rows, entries.columns, entries.weights))
    return VoteEntries(rows, columns, weights), totals.to(back)


def available_backends() -> list[str]:
    """Return the names that `backend=` accepts here. Raises BackendError as `check_native` does."""
    check_native()
    there = [name for name in BACKENDS if name not in OPTIONAL or importlib.util.find_spec(name)]
    return [name for name in there if name != "gsplat" or torch.cuda.is_available()]


def check_native() -> None:
    """Raise BackendError if SPLATSEG_SIMD asks for a SIMD level that this processor does not have."""
    _load("native")


def _checked_labels(plan: Plan, label_maps: Tensor, count: int) -> Tensor:
    """Return label maps (L,H,W) int32 where the plan is, from (H,W) or (L,H,W). Raises ValueError if they do not fit.

    Labels are 0..count.
    """
    if label_maps.ndim == 2:
        label_maps = label_maps[None]
    check_shapes(label_maps=(label_maps, f"L {plan.camera.height} {plan.camera.width}"))
    if label_maps.numel():
        low, high = (int(limit) for limit in label_maps.aminmax())
        if low < 0 or high > count:
            raise ValueError(f"labels must be in 0..{count}, got {low}..{high}")
    return label_maps.to(plan.device, torch.int32).contiguous()


def _checked_pixels(plan: Plan, pixels: Tensor) -> Tensor:
    """Return pixels (P,2) as contiguous int64. Raises ValueError for a pixel outside the image."""
    check_shapes(pixels=(pixels, "P 2"))
    pixels = pixels.detach().long().contiguous()
    size = torch.tensor([plan.camera.width, plan.camera.height], device=pixels.device)
    outside = ((pixels < 0) | (pixels >= size)).any(1)
    if outside.any():
        x, y = pixels[outside][0].tolist()
        raise ValueError(f"pixel ({x}, {y}) lies outside the image of {plan.camera.width}x{plan.camera.height}")
    return pixels


def _place(means: Tensor, backend: str | None) -> tuple[str, torch.device]:
    """Return the backend, the fastest that fits the tensors if none is named, and the device to compute on."""
    if backend is not None:
        return backend, means.device
    # float64 is for checking gradients; only the reference offers it.
    if means.dtype == torch.float64:
        return "reference", means.device
    device = current() if means.device.type == "cpu" else means.device
    return ("native" if device.type == "cpu" else "warp"), device


def _load(name: str) -> ModuleType:
    """Import a backend. Raises BackendError if there is none of this name, or it is not installed."""
    if name not in BACKENDS:
        raise BackendError(f"there is no rasteriser backend {name!r}; choose one of {', '.join(BACKENDS)}")
    if name in OPTIONAL and importlib.util.find_spec(name) is None:
        library, packages = OPTIONAL[name]
        raise BackendError(f"the backend {name} needs {library}; install it with: pip install {packages}")
    return importlib.import_module(BACKENDS[name])  # here, since the backends import this module
