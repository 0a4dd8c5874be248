"""Colours of vertices, from the pictures that see them.

    c_p = sum_v w_pv c_v(p) / sum_v w_pv      w_pv = cos^2 of the angle between normal and ray, if v sees p

A view sees a vertex if it lies no more than SLACK behind the view's depth and faces it. The capture's directions count
alone where they see a vertex; elsewhere colours are guesses of the harmonics. A vertex that no view sees takes the
colour of the nearest that one sees.

Alphabet: P vertices (P,3), F faces (F,3), colours (P,3) uint8.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from splatseg.mesh.frames import Frame
from splatseg.mesh.fuse import pixels_of
from splatseg.nearest import tree_of

SLACK = 0.06
"""Depth behind a view's surface up to which it sees a vertex, in radii of the object: about three voxels."""

GUESS = 1e-3
"""Weight of a view from where the capture has not looked."""


def normals_of(vertices: np.ndarray, faces: np.ndarray) -> np.ndarray:
    """Return unit normals (P,3) of vertices, the mean of their faces' by area; 0 where they cancel out."""
    a, b, c = (vertices[faces[:, i]] for i in range(3))
    across = np.cross(b - a, c - a)
    summed = np.zeros((len(vertices), 3))
    for corner in range(3):
        for axis in range(3):
            summed[:, axis] += np.bincount(faces[:, corner], across[:, axis], len(vertices))
    normals: np.ndarray = summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-30)
    return normals


def vertex_colors(vertices: np.ndarray, faces: np.ndarray, frames: Sequence[Frame]) -> np.ndarray:
    """Return the colours (P,3) uint8 of a surface's vertices, in the world of the frames."""
    normals, points = normals_of(vertices, faces), vertices.astype(np.float32)
    total, weights = np.zeros((len(vertices), 3)), np.zeros(len(vertices))
    for frame in frames:
        pixels, depths = pixels_of(frame, points)
        surface = frame.depth.ravel()[pixels]
        rays = frame.camera.position - vertices
        cosine = np.clip((rays * normals).sum(1) / np.linalg.norm(rays, axis=1), 0.0, 1.0)
        seen = (surface > 0.0) & (depths < surface + SLACK)
        weight = np.where(seen, cosine**2, 0.0) * (1.0 if frame.trusted else GUESS)
        total += weight[:, None] * frame.colors.reshape(-1, 3)[pixels]
        weights += weight
    known = weights > 0.0
    if not known.any():
        return np.full((len(vertices), 3), 128, np.uint8)
    colors = total / np.where(known, weights, 1.0)[:, None]
    if not known.all():
        colors[~known] = colors[known][tree_of(vertices[known]).query(vertices[~known])[1]]
    return np.rint(colors).astype(np.uint8)
