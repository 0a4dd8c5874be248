"""Pictures of splats: colour, depth, and any value that Gaussians carry, all through the one rasteriser.

Alphabet: N Gaussians, H x W pixels, C channels; depth is the distance along the optical axis in world units. Everything
is differentiable in the tensors of the splats.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from splatseg.arrays import check_shapes
from splatseg.cameras.camera import Camera
from splatseg.machine.devices import native_takes
from splatseg.raster.interface import Raster, rasterize, rasterize_middle
from splatseg.splats.colors import native_colors, plain_colors
from splatseg.splats.splats import Splats

COVERED = 1.0 / 255.0
"""Pixels with less alpha than this have no depth."""


def render_rgb(
    splats: Splats,
    camera: Camera,
    background: Tensor | Sequence[float] | None = None,
    sh_degree: int | None = None,
) -> Tensor:
    """Render the picture (H,W,3) of a camera; linear blending, not clamped above.

    background (3,) in 0..1 lies behind everything; None is black. sh_degree limits the degree that is evaluated.
    """
    splats = splats.in_view(camera, colored=True)
    degree = splats.sh_degree if sh_degree is None else min(sh_degree, splats.sh_degree)
    there = splats.resident
    raster = _blend(splats, camera, view_colors(there.means, there.sh0, there.shN, camera, degree))
    if background is None:
        return raster.features
    behind = torch.as_tensor(background, dtype=splats.means.dtype, device=splats.means.device)
    check_shapes(background=(behind, "3"))
    return raster.features + (1.0 - raster.alphas)[..., None] * behind


def render_depth(splats: Splats, camera: Camera) -> Tensor:
    """Render depth (H,W) = sum_i w_i z_i / sum_i w_i, world units along the optical axis; 0 where nothing is seen."""
    splats = splats.in_view(camera)
    raster = _blend(splats, camera, view_depths(splats.means, camera)[:, None])
    seen = raster.alphas > COVERED
    # The inner `where` keeps the gradient finite at empty pixels: 0 * inf is NaN.
    return (raster.features[..., 0] / raster.alphas.where(seen, 1.0)).where(seen, 0.0)


def render_surface(splats: Splats, camera: Camera) -> Tensor:
    """Return the depth (H,W) of the surface, world units along the optical axis; 0 where there is none.

    Unlike `render_depth` it does not follow what shines through from far behind (`raster.interface.rasterize_middle`),
    and it has no gradient.
    """
    splats = splats.in_view(camera)
    return rasterize_middle(splats.prepare(camera), view_depths(splats.means, camera))


def render_channels(splats: Splats, camera: Camera, values: Tensor) -> Tensor:
    """Blend values (N,C) that Gaussians carry into an image (H,W,C), over zeros."""
    return _blend(splats.in_view(camera), camera, splats.carried_in_view(camera, values)).features


def view_colors(means: Tensor, sh0: Tensor, shN: Tensor, camera: Camera, degree: int) -> Tensor:
    """Return colours (N,3) of Gaussians as a camera sees them: harmonics at the viewing direction, clamped below at 0.

    The clamp is that of 3D Gaussian Splatting: files were trained with it, and without it dark Gaussians would subtract
    light.
    """
    # Only the torch form computes a gradient through the viewing direction.
    needed = means.requires_grad and torch.is_grad_enabled()
    evaluated = native_colors if native_takes(means, sh0, shN) and not needed else plain_colors
    return evaluated(means, sh0, shN, np.asarray(camera.position).tolist(), degree)


def view_depths(means: Tensor, camera: Camera) -> Tensor:
    """Return depths (N,) of points (N,3) along the optical axis; negative behind the camera."""
    axis = torch.as_tensor(camera.viewmat[2], dtype=means.dtype, device=means.device)
    return means @ axis[:3] + axis[3]


def _blend(splats: Splats, camera: Camera, values: Tensor) -> Raster:
    """Blend where this process computes, and return the result where the splat is."""
    there, home = splats.resident, splats.means.device
    raster = rasterize(*there.geometry, values.to(there.means.device), camera)
    if raster.features.device == home:
        return raster
    return Raster(*(part.to(home) for part in (raster.features, raster.alphas, raster.radii)))
