"""Views of cells: the photographs that each cell is trained on, and the Gaussians around it that they show.

    light (V,B): sum over the pixels of view v of the blending weights of the Gaussians of cell b
    v is assigned to b if  light[v,b] >= seen * sum_b light[v,b],  or v is one of the views with most of b's light,
    which together hold the share `covered` of sum_v light[v,b]

Light is also how much a picture can change when the cell is taken out of it, which CityGaussian (Liu et al. 2024,
section 3.2) asks for by SSIM. Everything is measured with the splat of the last join, at half the size of the images.

Alphabet: N Gaussians, V views, B cells.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from splatseg.cameras.camera import Camera
from splatseg.capture.view import View
from splatseg.progress import Progress, counted
from splatseg.raster.interface import Plan, accumulate
from splatseg.splats.splats import Splats
from splatseg.train.photographs import halved

SMALLEST = 32
"""Shorter side in pixels of an image that is not halved."""

Looked = Callable[[View, Plan], None]
"""looked(view, plan): what else is asked of each view while its Gaussians are laid out."""


def light_of_cells(
    splats: Splats,
    views: Sequence[View],
    owners: np.ndarray,
    count: int,
    progress: Progress | None = None,
    looked: Looked | None = None,
) -> np.ndarray:
    """Return the light (V,B) float64 that the Gaussians of each of `count` cells give to each view.

    owners (N,): cell of each Gaussian.
    """
    light = np.zeros((len(views), count))
    for row, view in enumerate(counted(views, progress)):
        plan = splats.prepare(measured(view.camera))
        light[row] = np.bincount(owners, weights=_weights(plan), minlength=count)
        if looked is not None:
            looked(view, plan)
    return light


def views_of_cells(light: np.ndarray, covered: float, seen: float) -> list[np.ndarray]:
    """Return the views (K,) of each cell, ascending, by light (V,B)."""
    shares = light / np.maximum(light.sum(axis=1, keepdims=True), 1e-9)
    found = []
    for own, share in zip(light.T, shares.T, strict=True):
        order = np.argsort(-own, kind="stable")
        before = np.cumsum(own[order]) - own[order]
        chosen = (share >= seen) & (own > 0)
        chosen[order[before < covered * own.sum()]] = True
        found.append(np.flatnonzero(chosen & (own > 0)))
    return found


def contexts(
    splats: Splats, views: Sequence[View], assigned: Sequence[np.ndarray], own: np.ndarray, left: float
) -> list[np.ndarray]:
    """Return the rows of the context of each cell, ascending: Gaussians beside it that give light to its views.

    assigned: the views of each cell. own (B,N) bool: Gaussians that are trained with each cell. left: share of the
    context's light whose Gaussians, those that give least, are left out.
    """
    light = np.zeros(own.shape, np.float32)
    for row, view in enumerate(views):
        cells = [cell for cell, chosen in enumerate(assigned) if row in chosen]
        if cells and len(assigned) > 1:
            light[cells] += _weights(splats.prepare(measured(view.camera)))
    light[own] = 0.0
    return [_but_the_least(each, left) for each in light]


def measured(camera: Camera) -> Camera:
    """Return the camera at whose size light is measured."""
    return camera if min(camera.width, camera.height) < SMALLEST else halved(camera)


def _weights(plan: Plan) -> np.ndarray:
    """Return the light (N,) float32 of each Gaussian in a view."""
    ones = torch.ones(plan.camera.height, plan.camera.width, 1)
    weights: np.ndarray = accumulate(plan, ones)[:, 0].numpy()
    return weights


def _but_the_least(light: np.ndarray, left: float) -> np.ndarray:
    """Return the rows of light (N,), ascending, but for the darkest that together hold the share `left`."""
    order = np.argsort(-light, kind="stable")
    before = np.cumsum(light[order], dtype=np.float64) - light[order]
    kept = order[(before < (1.0 - left) * light.sum(dtype=np.float64)) & (light[order] > 0)]
    return np.sort(kept)
