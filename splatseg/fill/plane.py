"""A plane in space with axes of its own, and the extent of Gaussians across it.

    h = (x - origin) . normal            (u, v) = axes (x - origin)

Alphabet: points x (P,3), heights h (P,), world units; N Gaussians; R rotation of a Gaussian, s its scales.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from splatseg.raster.rotations import rotation_matrices
from splatseg.splats.splats import Splats


@dataclass(frozen=True, eq=False)
class Plane:
    """A plane; the object that stood on it was on the side that the normal points to."""

    origin: np.ndarray
    """A point of the plane, (3,)."""

    normal: np.ndarray
    """Unit normal (3,)."""

    @property
    def axes(self) -> np.ndarray:
        """Two unit vectors (2,3) in the plane, at right angles; with the normal they are right-handed."""
        # The world's axis that is most across the normal, so that nothing is divided by something small.
        helper = np.eye(3)[int(np.abs(self.normal).argmin())]
        first = np.cross(helper, self.normal)
        first /= np.linalg.norm(first)
        return np.stack([first, np.cross(self.normal, first)])

    def heights(self, points: np.ndarray) -> np.ndarray:
        """Return the signed distances (P,) of points (P,3) from the plane, positive on the object's side."""
        heights: np.ndarray = ((points - self.origin) * self.normal).sum(1)
        return heights


def covariances(splats: Splats) -> np.ndarray:
    """Return the covariances (N,3,3) float64 of Gaussians in the world: R diag(s^2) R^T."""
    quats = torch.nn.functional.normalize(splats.quats.detach().double(), dim=1)
    rotations = rotation_matrices(quats).numpy()
    scaled = rotations * np.exp(splats.log_scales.detach().double().numpy())[:, None, :]
    # Products by NumPy's own sums: the same bits for any number of threads.
    products: np.ndarray = (scaled[:, :, None, :] * scaled[:, None, :, :]).sum(3)
    return products


def spread_across(covariance: np.ndarray, plane: Plane) -> np.ndarray:
    """Return the standard deviations (N,) along the normal of a plane of Gaussians with covariances (N,3,3)."""
    across = (covariance * plane.normal[:, None] * plane.normal).sum((1, 2))
    spread: np.ndarray = np.sqrt(np.maximum(across, 0.0))
    return spread
