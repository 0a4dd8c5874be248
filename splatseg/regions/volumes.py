"""Volumes: the Gaussians whose centres lie in a sphere, or in a box that may be turned.

Alphabet: N Gaussians; positions (N,3), and lengths, in one system of coordinates, whichever it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from splatseg.errors import PromptError
from splatseg.raster.rotations import rotation_matrices

Vector = Sequence[float] | np.ndarray
"""Three numbers x, y, z."""


def in_sphere(positions: np.ndarray, centre: Vector, radius: float) -> np.ndarray:
    """Return (N,) bool: the positions (N,3) at most `radius` from a centre (3,).

    Raises PromptError for a centre that is not finite, and a radius that is not above 0.
    """
    middle = _three(centre, "the centre of the sphere")
    if not 0.0 < radius < np.inf:
        raise PromptError(f"the radius of the sphere is {radius:g}; give a number above 0")
    inside: np.ndarray = np.square(positions - middle).sum(axis=1) <= radius * radius
    return inside


def in_box(positions: np.ndarray, lower: Vector, upper: Vector, wxyz: Sequence[float] | None = None) -> np.ndarray:
    """Return (N,) bool: the positions (N,3) in a box between two corners (3,), in any order.

    wxyz: a rotation that turns the box around its own middle, a quaternion; None leaves it along the axes.

    Raises PromptError for corners that are not finite, and a rotation that is not one.
    """
    corners = np.stack([_three(corner, "a corner of the box") for corner in (lower, upper)])
    middle, half = corners.mean(axis=0), np.abs(corners[1] - corners[0]) / 2.0
    local = positions - middle
    if wxyz is not None:
        turn = np.asarray(wxyz, dtype=np.float64)
        if turn.shape != (4,) or not np.isfinite(turn).all() or not turn.any():
            raise PromptError("the rotation of the box is no quaternion w, x, y, z; give four numbers, not all 0")
        # Rows times the matrix turn points by its inverse, into the box's own axes.
        local = local @ rotation_matrices(torch.from_numpy(turn / np.linalg.norm(turn))).numpy()
    with np.errstate(invalid="ignore"):
        inside: np.ndarray = (np.abs(local) <= half).all(axis=1)
    return inside


def _three(values: Vector, what: str) -> np.ndarray:
    found = np.asarray(values, dtype=np.float64)
    if found.shape != (3,) or not np.isfinite(found).all():
        raise PromptError(f"{what} is not three finite numbers; give x, y, z")
    return found
