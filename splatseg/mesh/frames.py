"""Pictures of an object from all around, as its surface is fused from: depth, silhouette, colour.

A splat's light comes from a layer of translucent Gaussians, and the middle of that light (`raster.interface.
rasterize_middle`) lies below the surface that its silhouettes show. Two depths bound the surface:

    z_mid   the middle of the light, as it is rendered
    z_front the middle of the light if each opacity o were 1 - (1 - o)^DENSER, from the front of each Gaussian: there
            its density is half of full, sqrt(2 ln 2o) standard deviations in front of its centre along the ray, the
            level set that Gaussian Opacity Fields extract (Yu, Sattler, Geiger 2024)

Depth is the larger of z_front and z_mid - M, with M the quantile LIMIT of z_mid - z_front over all pictures: so a faint
haze in front of the surface moves it by no more than M.

Alphabet: H x W pixels, N Gaussians; depth along the optical axis, 0 = none; `outside` the signed distance of a pixel's
centre to the silhouette, negative inside, world units at the object's centre.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage
from torch import Tensor

from splatseg.cameras.camera import Camera
from splatseg.mesh.around import DISTANCE, SOLID, camera_from, directions
from splatseg.raster.interface import prepare, rasterize_middle, rasterize_plan
from splatseg.raster.rotations import rotation_matrices
from splatseg.render.rgb import view_colors, view_depths
from splatseg.splats.splats import Splats

VIEWS, SIZE = 64, 256
"""Number and size in pixels of the pictures."""

DENSER = 8.0
"""Factor by which the object is denser for z_front. Of 1, 3, 8 the one with which the surface lies nearest to the
silhouettes, on four segments of the embedded demo."""

LIMIT = 0.95
"""Quantile of z_mid - z_front that bounds their difference. Of 0.5, 0.75, 0.95 on the same segments: the more, the
better silhouettes fit (IoU 0.940, 0.950 of the last two on one); all of it would let haze fill a mug."""

TRUSTED = math.radians(25.0)
"""Largest angle, in radians, to the direction of a capture's camera from which a depth is believed: nobody has seen the
underside of a thing on a table, and what is there is no surface."""


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of an object."""

    camera: Camera
    """Its camera, in the world of the object."""

    depth: np.ndarray
    """Depth (H,W) float32 of the surface, 0 outside the silhouette."""

    outside: np.ndarray
    """Signed distance (H,W) float32 to the silhouette, negative inside."""

    facing: np.ndarray
    """Cosine (H,W) float32 between the surface's normal and the ray; 0 outside the silhouette and at its edge."""

    colors: np.ndarray
    """Colour (H,W,3) uint8 of what is seen, not darkened by transparency."""

    trusted: bool
    """True if the capture looked at the object from about here, so that its depth and colour are known."""


@torch.no_grad()
def frames_around(splats: Splats, seen_from: np.ndarray | None = None) -> list[Frame]:
    """Render an object, in its own world, from all around.

    seen_from: positions (V,3) of the capture's cameras in that world; None trusts all directions.
    """
    around = directions(VIEWS)
    trusted = np.ones(VIEWS, dtype=bool) if seen_from is None else _near(around, seen_from)
    opacities = 1.0 - (1.0 - splats.opacities) ** DENSER
    drawn = [_draw(splats, opacities, camera_from(direction, SIZE)) for direction in around]
    behind = np.concatenate([(middle - front)[alpha > SOLID] for middle, front, alpha, _ in drawn])
    most = float(np.quantile(behind, LIMIT)) if len(behind) else 0.0
    return [
        _frame(camera_from(direction, SIZE), one, most, bool(trust))
        for direction, one, trust in zip(around, drawn, trusted, strict=True)
    ]


def _near(around: np.ndarray, seen_from: np.ndarray) -> np.ndarray:
    """Return (V,) bool: a capture's camera is in about this direction. All, if none is near any (it stood inside)."""
    lengths = np.linalg.norm(seen_from, axis=1)
    towards = seen_from[lengths > 1.0] / lengths[lengths > 1.0, None]
    near = (around @ towards.T).max(axis=1, initial=-1.0) > math.cos(TRUSTED)
    return near if near.any() else np.ones(len(around), dtype=bool)


Drawn = tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]
"""z_mid, z_front and alpha (H,W), colours (H,W,3) times alpha."""


def _draw(splats: Splats, dense: Tensor, camera: Camera) -> Drawn:
    plan, depths = splats.prepare(camera), view_depths(splats.means, camera)
    blended, alphas = rasterize_plan(plan, view_colors(splats.means, splats.sh0, splats.shN, camera, splats.sh_degree))
    denser = prepare(splats.means, splats.quats, splats.scales, dense, camera)
    front = rasterize_middle(denser, depths - _thickness(splats, dense, camera))
    middle = rasterize_middle(plan, depths)
    return middle.cpu().numpy(), front.cpu().numpy(), alphas.cpu().numpy(), blended.cpu().numpy()


def _thickness(splats: Splats, opacities: Tensor, camera: Camera) -> Tensor:
    """Return (N,) the distance along the ray from the front of each Gaussian to its centre."""
    rays = splats.means - torch.as_tensor(camera.position, dtype=splats.means.dtype, device=splats.means.device)
    rays = torch.nn.functional.normalize(rays, dim=1)
    axes = rotation_matrices(torch.nn.functional.normalize(splats.quats, dim=1))
    # Along a unit ray d the standard deviation through the centre is 1 / |S^-1 R^T d|.
    local = (axes * rays[:, :, None]).sum(1) / splats.scales
    sigma = 1.0 / torch.linalg.vector_norm(local, dim=1)
    thickness: Tensor = sigma * torch.sqrt(2.0 * torch.log((2.0 * opacities).clamp(min=1.0)))
    return thickness


def _frame(camera: Camera, drawn: Drawn, most: float, trusted: bool) -> Frame:
    middle, front, alpha, blended = drawn
    inside = alpha > SOLID
    depth = np.where(inside, np.maximum(middle - most, front), 0.0).astype(np.float32)
    pixel = DISTANCE / float(camera.K[0, 0])
    # Distances between centres of pixels: the edge lies half a pixel before the first one beyond it.
    distance = np.where(inside, 0.5 - _to_edge(inside), _to_edge(~inside) - 0.5)
    outside = (ndimage.gaussian_filter(distance, 0.7) * pixel).astype(np.float32)
    down, right = np.gradient(np.where(inside, depth, np.nan))
    slope = np.hypot(down, right) / pixel
    facing = np.nan_to_num(1.0 / np.sqrt(1.0 + slope**2), nan=0.0).astype(np.float32)
    shown = blended / np.maximum(alpha, 1e-3)[..., None]
    colors = np.rint(255.0 * np.clip(shown, 0.0, 1.0)).astype(np.uint8)
    return Frame(camera, depth, outside, facing, colors, trusted)


def _to_edge(inside: np.ndarray) -> np.ndarray:
    """Return the distance (H,W) in pixels from each pixel that is inside to the nearest that is not."""
    if inside.all():
        return np.full(inside.shape, float(max(inside.shape)))
    found: np.ndarray = ndimage.distance_transform_edt(inside)
    return found
