"""Fusion of depths and silhouettes into a signed distance field [Curless and Levoy 1996], and its zero level.

    phi(x) = sum_v w_v clip(d_v / t, -1, 1) / sum_v w_v       d_v = depth of view v at x, less the depth of x
    field(x) = max(phi(x), s(x) / t)                          s the SILHOUETTES-th largest distance to a silhouette

A view takes part in phi if x is not deeper than t behind its surface. Its weight w is the square of the cosine between
ray and surface, and falls to 0 at t behind it, so that the front of a thin thing says little of its back. Silhouettes
carve: what lies outside of them is outside, whatever the depths say. What no view sees is inside, so the surface is
closed everywhere, and on its underside by the silhouettes.

The field is evaluated in blocks of BLOCK^3 voxels that the surface may pass through, after one coarse value a block
has told which: the number of values, and with it memory and time, grows with the surface and not with the volume.

Alphabet: x (P,3) points, t truncation; field positive outside, -1..1; the grid (X,Y,Z).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from skimage.measure import marching_cubes

from splatseg.mesh.frames import Frame

TRUNCATION = 3.0
"""Truncation in voxels."""

SILHOUETTES = 3
"""The view whose silhouette decides: the third that a point is farthest outside of. The first follows the noise of
single views (IoU 0.975 against 0.981 on a thing of the demo), the sixth rounds corners (0.973)."""

BLOCK = 4
"""Side of a block in voxels."""

LEAST = 1e-3
"""Least size of a value of the field, as marching cubes sees it."""

POINTS = 1 << 17
"""Points that are evaluated at once: what bounds the memory."""


@dataclass(frozen=True, eq=False)
class Grid:
    """Voxels of a box, whose centres are values of the field."""

    origin: np.ndarray
    """Centre (3,) of the first voxel, world units."""

    step: float
    """Side of a voxel, world units."""

    shape: tuple[int, int, int]
    """Number of voxels along x, y, z, each a multiple of BLOCK."""

    @classmethod
    def around(cls, low: np.ndarray, high: np.ndarray, resolution: int) -> Grid:
        """Return the grid of a box, low, high (3,), with `resolution` voxels along its longest side."""
        step = float((high - low).max()) / resolution
        # Two voxels beyond the box on each side are outside, and close the surface.
        x, y, z = (-(-(np.ceil((high - low) / step).astype(int) + 4) // BLOCK) * BLOCK).tolist()
        origin = (low + high) / 2.0 - (np.array([x, y, z]) - 1) / 2.0 * step
        return cls(origin, step, (x, y, z))


def surface_of(frames: Sequence[Frame], grid: Grid) -> tuple[np.ndarray, np.ndarray]:
    """Return vertices (P,3) and faces (F,3) int32 of the surface that frames show, closed; empty if there is none."""
    field = fused(frames, grid)
    if not (field < 0.0).any():
        return np.zeros((0, 3)), np.zeros((0, 3), np.int32)
    # Away from 0, so that no two vertices of different edges fall together.
    field = np.where(np.abs(field) < LEAST, np.copysign(np.float32(LEAST), field), field)
    vertices, faces, _, _ = marching_cubes(field, 0.0)
    # The largest values are outside, so marching cubes' own order is counter-clockwise from there.
    return vertices * grid.step + grid.origin, faces.astype(np.int32)


def fused(frames: Sequence[Frame], grid: Grid) -> np.ndarray:
    """Return the field (X,Y,Z) float32 of a grid, 1 in its outermost voxels."""
    blocks = tuple(side // BLOCK for side in grid.shape)
    centres = np.stack(np.meshgrid(*[np.arange(count) for count in blocks], indexing="ij"), -1).reshape(-1, 3)
    # A block is far from the surface if its centre is by more than half its diagonal, and somewhat more.
    far = 1.3 * (np.sqrt(3.0) / 2.0) * BLOCK * grid.step
    coarse, seen = _evaluate(frames, centres * BLOCK + (BLOCK - 1) / 2.0, grid, far)
    near = (coarse < 0.999) & (seen | (coarse > -0.999))
    signs = np.where(coarse > 0.0, 1.0, -1.0).astype(np.float32).reshape(blocks)
    field = signs.repeat(BLOCK, 0).repeat(BLOCK, 1).repeat(BLOCK, 2)
    inner = np.stack(np.meshgrid(*[np.arange(BLOCK)] * 3, indexing="ij"), -1).reshape(-1, 3)
    voxels = (centres[near][:, None] * BLOCK + inner).reshape(-1, 3)
    field[tuple(voxels.T)] = _evaluate(frames, voxels, grid, TRUNCATION * grid.step)[0]
    for axis in range(3):
        np.moveaxis(field, axis, 0)[[0, -1]] = 1.0
    return field


def _evaluate(
    frames: Sequence[Frame], voxels: np.ndarray, grid: Grid, truncation: float
) -> tuple[np.ndarray, np.ndarray]:
    """Return the field (P,) at voxels (P,3), and (P,) bool: some view's depth takes part in it."""
    values, seen = np.empty(len(voxels), np.float32), np.empty(len(voxels), bool)
    for start in range(0, len(voxels), POINTS):
        part = slice(start, start + POINTS)
        points = (voxels[part] * grid.step + grid.origin).astype(np.float32)
        values[part], seen[part] = _fuse(frames, points, truncation)
    return values, seen


def _fuse(frames: Sequence[Frame], points: np.ndarray, truncation: float) -> tuple[np.ndarray, np.ndarray]:
    total, weights = np.zeros(len(points), np.float32), np.zeros(len(points), np.float32)
    outermost = np.full((SILHOUETTES, len(points)), -np.inf, np.float32)
    for frame in frames:
        pixels, depths = pixels_of(frame, points)
        outside = frame.outside.ravel()[pixels]
        for rank in outermost:  # the largest values so far, sorted: each takes the larger and hands the smaller on
            smaller = np.minimum(rank, outside)
            np.maximum(rank, outside, out=rank)
            outside = smaller
        if not frame.trusted:
            continue
        surface = frame.depth.ravel()[pixels]
        ahead = (surface - depths) / np.float32(truncation)
        weight = frame.facing.ravel()[pixels] ** 2 * np.clip(1.0 + ahead, 0.0, 1.0)
        weight[surface <= 0.0] = 0.0
        total += weight * np.clip(ahead, -1.0, 1.0)
        weights += weight
    seen = weights > 0.0
    phi = np.where(seen, total / np.where(seen, weights, 1.0), -1.0)
    return np.clip(np.maximum(phi, outermost[-1] / np.float32(truncation)), -1.0, 1.0), seen


def pixels_of(frame: Frame, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the number (P,) of the pixel that shows each point (P,3), the nearest at the border, and depths (P,)."""
    camera = frame.camera
    local = points @ camera.viewmat[:3, :3].T.astype(np.float32) + camera.viewmat[:3, 3].astype(np.float32)
    depths = local[:, 2]
    focal, centre = np.float32(camera.K[0, 0]), camera.K[:2, 2].astype(np.float32)
    x, y = ((local[:, :2].T / depths) * focal + centre[:, None]).astype(np.int32)
    x, y = np.clip(x, 0, camera.width - 1), np.clip(y, 0, camera.height - 1)
    return y * camera.width + x, depths
