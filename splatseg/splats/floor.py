"""Guesses the up of a splat that comes without cameras: across its largest plane, to the side from which it looks well.

A scene stands on a floor, a table or the ground, and training makes such a plane of many flat Gaussians that lie in it.
Directions n are tried that flat Gaussians face, and the axes; the one whose thickest slab

    max over t of #{i : t <= n . x_i < t + d} / N

holds most of the Gaussians is the normal, which a fit of the plane to its slab refines; an axis that is nearly it is
taken for it. From below a scene shows the blurred underside of its floor, so up is the side from which the picture has
more contrast (`preview`); unless one is clearly better, it is the side on which more of the Gaussians lie.

Alphabet: N Gaussians, means x_i (N,3); n unit normal (3,); d thickness in world units.
"""

from __future__ import annotations

import math

import numpy as np
import torch

from splatseg.raster.rotations import rotation_matrices
from splatseg.splats.preview import contrast_from
from splatseg.splats.splats import Splats

USUAL = (0.0, -1.0, 0.0)
"""Up of a splat in which no plane is found: the way cameras of COLMAP stand before anybody turns the scene."""

CORE = (0.1, 0.9)
"""Quantiles of the positions whose box, twice as large, bounds the scene; floaters lie outside."""

THICKNESS = 0.02
"""Thickness of a slab as a share of the diagonal of that box, without its doubling."""

FEWEST = 0.12
"""Least share of the Gaussians in the slab of a floor; of an even ball, the thickest slab holds 0.05."""

CLEARLY = 1.4
"""Ratio of contrasts from which a side is clearly better. Chosen on two captures and a composed scene in three poses
each: at most 1.29 where it speaks for the wrong side. On runs of `demo`, `tabletop` and `kitchen`, which it was not
chosen on, it is 1.47 to 3.9, and right."""

ALIGNED = math.radians(10.0)
"""Angle within which an axis is taken for the normal: most files have up along one, and a slanted horizon is ugly."""

SAMPLE, TRIED, ROUNDS = 20_000, 400, 5
"""Gaussians that are looked at, directions that are tried, and fits of the plane."""

SOLID, FLAT = 0.3, 0.35
"""Least opacity of a Gaussian that counts, and most ratio of the least to the middle scale of one that is flat."""


def guessed_up(splats: Splats) -> np.ndarray:
    """Return a unit vector (3,) that points up, or USUAL if nothing tells."""
    usual = np.array(USUAL)
    means, scales = splats.positions.astype(np.float64), splats.scales.numpy()
    opacities = splats.opacities.numpy().reshape(-1)
    kept = np.isfinite(means).all(1) & (opacities > SOLID)
    if kept.sum() < 3:
        return usual
    low, high = np.quantile(means[kept], CORE, axis=0)
    kept &= (np.abs(means - (low + high) / 2) <= high - low).all(1)
    chosen = np.flatnonzero(kept)
    chosen = chosen[:: max(1, len(chosen) // SAMPLE)]
    points, thickness = means[chosen], THICKNESS * float(np.linalg.norm(high - low))
    if len(points) < 3 or thickness <= 0.0:
        return usual
    normal: np.ndarray = usual
    share = 0.0
    for direction in (*np.eye(3)[[1, 2, 0]], *_faced(splats, chosen, scales)):
        found = _slab(points, direction, thickness)[0]
        if found > share:
            normal, share = direction, found
    if share < FEWEST:
        return usual
    for _ in range(ROUNDS):
        _, inside = _slab(points, normal, thickness)
        spread = np.linalg.svd(points[inside] - points[inside].mean(0), full_matrices=False)[2]
        normal = spread[2]
    nearest = int(np.abs(normal).argmax())
    if abs(normal[nearest]) > math.cos(ALIGNED):
        normal = np.eye(3)[nearest]
    along = (points - points[_slab(points, normal, thickness)[1]].mean(0)) @ normal
    normal = normal if (along > thickness).sum() >= (along < -thickness).sum() else -normal
    more, fewer = (contrast_from(splats, side) for side in (normal, -normal))
    up: np.ndarray = -normal if fewer > CLEARLY * more else normal
    return up


def _faced(splats: Splats, chosen: np.ndarray, scales: np.ndarray) -> np.ndarray:
    """Return directions (n,3) that flat ones of the chosen Gaussians face, the larger ones more often."""
    three = np.sort(scales[chosen], axis=1)
    flat = chosen[three[:, 0] < FLAT * three[:, 1]]
    if len(flat) == 0:
        return np.zeros((0, 3))
    areas = np.prod(np.sort(scales[flat], axis=1)[:, 1:], axis=1).astype(np.float64)
    areas = np.minimum(areas, np.quantile(areas, 0.99))
    picked = np.random.default_rng(0).choice(flat, TRIED, p=areas / areas.sum())
    quats = torch.nn.functional.normalize(splats.quats[torch.from_numpy(picked)].double(), dim=1)
    turns = rotation_matrices(quats).numpy()
    faced: np.ndarray = turns[np.arange(TRIED), :, scales[picked].argmin(1)]  # columns are the Gaussian's axes
    return faced


def _slab(points: np.ndarray, normal: np.ndarray, thickness: float) -> tuple[float, np.ndarray]:
    """Return the share of the points (n,3) in the thickest slab across a normal, and which they are, (n,) bool."""
    along = np.floor(2.0 * (points @ normal) / thickness)  # slabs overlap by half
    along = (along - along.min()).astype(np.int64)
    counts = np.bincount(along, minlength=2)
    pairs = counts[:-1] + counts[1:]
    first = int(pairs.argmax())
    inside = (along == first) | (along == first + 1)
    return float(inside.mean()), inside
