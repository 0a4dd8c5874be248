"""The start of a photometric fit: one small round Gaussian at each point of the capture.

Alphabet: points (P,3) world units; colors (P,3) uint8. Source: 3D Gaussian Splatting (Kerbl et al. 2023), section 5:
isotropic Gaussians as large as the distance to the three closest points, opacity 0.1.
"""

from __future__ import annotations

import numpy as np
import torch

from splatseg.arrays import check_shapes
from splatseg.errors import CaptureError
from splatseg.nearest import tree_of
from splatseg.splats.activations import to_log_scales, to_opacity_logits, to_sh0
from splatseg.splats.spherical_harmonics import coefficient_count
from splatseg.splats.splats import Splats

NEIGHBOURS = 3
"""Closest points that decide the scale of a Gaussian."""

OPACITY = 0.1
"""Opacity of every Gaussian."""


def splats_from_points(points: np.ndarray, colors: np.ndarray, sh_degree: int = 3, seed: int = 0) -> Splats:
    """Return Gaussians at points (P,3) with colors (P,3) uint8, on the CPU, without features.

    The scale is the root of the mean squared distance to the 3 nearest other points. Points that are not finite are
    left out. Points that coincide exactly are moved apart by a hair (drawn from `seed`): copies would receive the same
    gradient at every step and never separate.

    Raises CaptureError if fewer than 4 points are left.

    Example:
        >>> splats = splatseg.splats_from_points(capture.points, capture.point_colors)
        >>> len(splats) <= len(capture.points)
        True
    """
    check_shapes(points=(points, "P 3"), colors=(colors, "P 3"))
    assert colors.dtype == np.uint8, f"colors are uint8, got {colors.dtype}"
    finite = np.isfinite(points).all(axis=1)
    if finite.sum() <= NEIGHBOURS:
        raise CaptureError(
            f"the capture has {finite.sum()} usable 3D points and a fit cannot start from fewer than {NEIGHBOURS + 1}; "
            "give a capture with a sparse point cloud (COLMAP's points3D, or ply_file_path in transforms.json), "
            "or a trained splat with --splats"
        )
    means = _moved_apart(points[finite].astype(np.float64), np.random.default_rng(seed))
    scales = torch.from_numpy(neighbour_distances(means)).float()
    count = len(means)
    quats = torch.zeros(count, 4)
    quats[:, 0] = 1.0
    return Splats(
        means=torch.from_numpy(means).float(),
        quats=quats,
        log_scales=to_log_scales(scales)[:, None].repeat(1, 3),
        opacity_logits=to_opacity_logits(torch.full((count,), OPACITY)),
        sh0=to_sh0(torch.from_numpy(colors[finite]).float() / 255),
        shN=torch.zeros(count, coefficient_count(sh_degree), 3),
    )


def neighbour_distances(means: np.ndarray) -> np.ndarray:
    """Return the root mean squared distance (N,) > 0 of points (N,3), N > 3, to their 3 nearest other points."""
    # The nearest of the k + 1 points is the point itself.
    distances, _ = tree_of(means).query(means, k=NEIGHBOURS + 1, workers=-1)
    scales = np.sqrt(np.mean(distances[:, 1:] ** 2, axis=1))
    # Points closer than float32 resolves would give Gaussians too small for any pixel.
    larger: np.ndarray = np.maximum(scales, max(1e-3 * float(np.median(scales)), 1e-7))
    return larger


def _moved_apart(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return points (P,3) with every repetition moved by about 1e-4 of their extent."""
    _, first = np.unique(points, axis=0, return_index=True)
    again = np.ones(len(points), dtype=bool)
    again[first] = False
    extent = float(np.linalg.norm(np.ptp(points, axis=0))) or 1.0
    moved = points.copy()
    moved[again] += rng.normal(scale=1e-4 * extent, size=(int(again.sum()), 3))
    return moved
