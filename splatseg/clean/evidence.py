"""Evidence on each Gaussian: the light it gives to the views of a capture, its neighbours, its form and its place.

    light_i = sum over views of sum over pixels of w_i / pixels              views_i = light_i^2 / sum_v light_iv^2
    near_i  = least distance to a camera that sees it / median depth of what that camera sees
    slender_i = longest scale / max(second scale, width of a pixel at its least depth)

w_i are blending weights; views_i is the effective number of views: V if all give it equally much, 1 if one gives nearly
all. Only the flat side of a Gaussian is looked at: a disc without thickness is no needle, and one thinner than a pixel
is drawn as wide as a pixel. Views are rendered small, and not all of a scene of many Gaussians, but some, evenly spread
(`WORK`); Gaussians that only the others may see are marked, so that nobody takes them for unseen.

Alphabet: N Gaussians; V views; positions and scales in world units.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from splatseg.arrays import check_shapes
from splatseg.cameras.camera import Camera
from splatseg.cluster.components import spatial_components
from splatseg.machine.threads import in_order
from splatseg.progress import Progress
from splatseg.raster.interface import accumulate, rasterize_middle
from splatseg.splats.box import distances_from_middle
from splatseg.splats.splats import Splats
from splatseg.spread import spread

WORK = 32_000_000
"""Gaussians times views that are rendered: of a million Gaussians 32 views, in a few seconds."""

LEAST_VIEWS = 8
"""Views that are rendered of any scene, if it has so many."""

PIXELS = 60_000
"""Pixels of a rendered view at most. Weights as sums over pixels hardly depend on the size of pixels."""

USUAL_WIDTH = 0.25
"""Without cameras, the quantile of second scales that takes the place of a pixel."""


@dataclass(frozen=True, eq=False)
class Seen:
    """Evidence of the views of a capture on N Gaussians."""

    light: np.ndarray
    """(N,) float64, what the rendered views see of it, in pictures: 1 fills one picture."""
    views: np.ndarray
    """(N,) float64, effective number of rendered views that see it; 0 if none does."""
    looked: np.ndarray
    """(N,) int32, number of rendered views in whose picture its middle lies, hidden or not."""
    near: np.ndarray
    """(N,) float32, distance to the nearest camera that sees it, in median depths; infinite if none does."""
    pixel: np.ndarray
    """(N,) float32, width of a pixel of a photograph where it is nearest, world units; infinite if nothing sees it."""
    unknown: np.ndarray
    """(N,) bool: no rendered view looks there, another view of the capture does."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """Evidence on N Gaussians, from which `judge.judge` decides for any strength."""

    opacities: np.ndarray
    """(N,) float32."""
    pieces: np.ndarray
    """(N,) int64, number of Gaussians that hang together with it, itself among them (`cluster.components`)."""
    far: np.ndarray
    """(N,) float64, distance from the middle of the scene, in median distances (`splats.box`)."""
    slender: np.ndarray
    """(N,) float64, length in widths."""
    seen: Seen | None
    """Evidence of views; None without cameras."""

    def __post_init__(self) -> None:
        columns = {name: getattr(self, name) for name in ("opacities", "pieces", "far", "slender")}
        if self.seen is not None:
            columns |= vars(self.seen)
        check_shapes(**{name: (values, "N") for name, values in columns.items()})

    def __len__(self) -> int:
        return len(self.opacities)


@torch.no_grad()
def gather_evidence(splats: Splats, cameras: Sequence[Camera] = (), progress: Progress | None = None) -> Evidence:
    """Gather the evidence on all Gaussians; cameras: of the photographs, () for a file without any.

    progress(done, total) is called after every rendered view.
    """
    positions = splats.positions.astype(np.float64)
    components = spatial_components(splats.positions, splats.reach)
    seen = _seen(splats, cameras, progress) if cameras else None
    scales = np.sort(splats.scales.numpy(), axis=1).astype(np.float64)
    usual = float(np.quantile(scales[:, 1], USUAL_WIDTH)) if len(scales) else 0.0
    pixel = np.full(len(scales), usual) if seen is None else seen.pixel.astype(np.float64)
    return Evidence(
        opacities=splats.opacities.numpy(),
        pieces=np.bincount(components)[components] if len(components) else np.zeros(0, dtype=np.int64),
        far=distances_from_middle(positions) if len(positions) else np.zeros(0),
        slender=scales[:, 2] / np.maximum(np.maximum(scales[:, 1], pixel), np.finfo(np.float64).tiny),
        seen=seen,
    )


def rendered_of(cameras: Sequence[Camera], count: int) -> list[Camera]:
    """Return the cameras whose views are rendered for `count` Gaussians, evenly spread."""
    return spread(cameras, max(LEAST_VIEWS, WORK // max(count, 1)))


def _seen(splats: Splats, cameras: Sequence[Camera], progress: Progress | None) -> Seen:
    count, places = len(splats), np.ascontiguousarray(splats.positions.T)
    rendered = rendered_of(cameras, count)
    light, squares = np.zeros(count), np.zeros(count)
    looked = np.zeros(count, dtype=np.int32)
    near, pixel = (np.full(count, np.inf, dtype=np.float32) for _ in range(2))
    found = in_order(lambda camera: _seen_by(splats, places, camera), rendered, splats.is_mapped)
    for done, (of_view, inside, nearness, width) in enumerate(found, start=1):
        light += of_view
        squares += of_view.astype(np.float64) ** 2
        looked += inside
        np.minimum(near, nearness, out=near)
        np.minimum(pixel, width, out=pixel)
        if progress is not None:
            progress(done, len(rendered))
    views = np.divide(light**2, squares, out=np.zeros(count), where=squares > 0)
    unknown = np.zeros(count, dtype=bool)
    left = np.flatnonzero((looked == 0) & (light == 0))
    there = {id(camera) for camera in rendered}
    for camera in cameras:
        if id(camera) not in there and len(left):
            inside, _ = _inside(camera, places[:, left])
            unknown[left[inside]] = True
            left = left[~inside]
    return Seen(light, views, looked, near, pixel, unknown)


def _seen_by(
    splats: Splats, places: np.ndarray, camera: Camera
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return what one camera sees: light (N,) float32, inside (N,) bool, nearness (N,) and width of a pixel (N,)."""
    small = camera.scaled(min(1.0, math.sqrt(PIXELS / (camera.width * camera.height))))
    plan = splats.prepare(small)
    weights = accumulate(plan, torch.ones(small.height, small.width, 1))[:, 0].numpy() / (small.width * small.height)
    inside, depths = _inside(camera, places)
    surface = rasterize_middle(plan, torch.from_numpy(depths)).numpy()
    shown = surface[surface > 0]
    nearness, width = (np.full(places.shape[1], np.inf, dtype=np.float32) for _ in range(2))
    if len(shown):
        drawn = np.flatnonzero(weights)
        x, y, z = (places[axis][drawn] - np.float32(camera.position[axis]) for axis in range(3))
        nearness[drawn] = np.sqrt(x * x + y * y + z * z) / np.float32(np.median(shown))
        width[drawn] = np.maximum(depths[drawn], 0.0) / np.float32(camera.K[0, 0])
    return weights, inside, nearness, width


def _inside(camera: Camera, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return which places (3,P) float32 lie in the picture, (P,) bool, and their depths (P,) float32.

    `Camera.project` in single precision, a coordinate at a time: ten times as fast for a million places.
    """
    x, y, depths = (
        row[0] * places[0] + row[1] * places[1] + row[2] * places[2] + row[3]
        for row in (camera.K @ camera.viewmat[:3]).astype(np.float32)
    )
    inside = (depths > 0) & (x >= 0) & (y >= 0) & (x < camera.width * depths) & (y < camera.height * depths)
    return inside, depths
