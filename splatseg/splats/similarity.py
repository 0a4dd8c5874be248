"""Similarities: a splat turned, scaled and moved as a whole, into another world.

    x' = s R x + t        means; a standard deviation becomes s times as large, a Gaussian's rotation Q becomes R Q
    Y(d') c' = Y(R^T d') c for every direction d'         harmonics: seen along d' = R d, the colour is that along d

Harmonics of one degree turn into harmonics of that degree, so c' = D c with a small matrix D for each degree, which
follows exactly from the basis at a few directions: D = Y(d')^+ Y(R^T d').

Alphabet: R (3,3) a proper rotation, t (3,) world units of the new world, s > 0; P points; N Gaussians.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from splatseg.arrays import check_shapes
from splatseg.splats.spherical_harmonics import basis
from splatseg.splats.splats import Splats
from splatseg.splats.stored import DEGREES


@dataclass(frozen=True, eq=False)
class Similarity:
    """A map from one world to another: x' = scale * rotation x + translation."""

    rotation: np.ndarray
    """Proper rotation (3,3)."""

    translation: np.ndarray
    """Translation (3,), units of the new world."""

    scale: float = 1.0
    """Length in the new world of a unit of the old one, above 0."""

    def __post_init__(self) -> None:
        check_shapes(rotation=(self.rotation, "3 3"), translation=(self.translation, "3"))
        object.__setattr__(self, "rotation", np.asarray(self.rotation, dtype=np.float64))
        object.__setattr__(self, "translation", np.asarray(self.translation, dtype=np.float64))

    @classmethod
    def of_matrix(cls, matrix: np.ndarray, scale: float = 1.0) -> Similarity:
        """Read x' = scale * (A x + b) from a matrix [A | b], (3,4) or (4,4), whose A is a rotation times a number.

        Raises ValueError if A is none.
        """
        matrix = np.asarray(matrix, dtype=np.float64)
        if matrix.shape not in ((3, 4), (4, 4)) or not np.isfinite(matrix).all() or not 0 < scale < np.inf:
            raise ValueError("not a finite 3x4 or 4x4 matrix with a scale above 0")
        determinant = float(np.linalg.det(matrix[:3, :3]))
        size = max(determinant, 0.0) ** (1 / 3)
        if size == 0 or not np.allclose(matrix[:3, :3] @ matrix[:3, :3].T / size**2, np.eye(3), atol=1e-4):
            raise ValueError("not a rotation times a number")
        return cls(matrix[:3, :3] / size, scale * matrix[:3, 3], scale * size)

    @classmethod
    def between(cls, start: np.ndarray, to: np.ndarray, scale: float | None = None) -> Similarity:
        """Return the map of points (P,3) to their partners (P,3) with the least squares, P > 2 [Umeyama 1991].

        scale: that of the map; None finds the best.
        """
        a, b = start - start.mean(axis=0), to - to.mean(axis=0)
        U, values, Vt = np.linalg.svd(b.T @ a)
        signs = np.array([1.0, 1.0, np.sign(np.linalg.det(U @ Vt)) or 1.0])
        rotation = U * signs @ Vt
        size = float((values * signs).sum() / (a * a).sum()) if scale is None else scale
        return cls(rotation, to.mean(axis=0) - size * rotation @ start.mean(axis=0), size)

    def inverse(self) -> Similarity:
        """Return the map back."""
        return Similarity(self.rotation.T, -(self.rotation.T @ self.translation) / self.scale, 1.0 / self.scale)

    def after(self, first: Similarity) -> Similarity:
        """Return the map that applies `first`, then this one."""
        translation = self.points(first.translation[None])[0]
        return Similarity(self.rotation @ first.rotation, translation, self.scale * first.scale)

    def points(self, points: np.ndarray) -> np.ndarray:
        """Map points (P,3)."""
        mapped: np.ndarray = self.scale * points @ self.rotation.T + self.translation
        return mapped

    def splats(self, splats: Splats) -> Splats:
        """Map a splat; features, ids and extra properties stay."""
        from scipy.spatial.transform import Rotation  # noqa: PLC0415 (most splats are moved by nobody)

        like = splats.means
        turn = torch.as_tensor(Rotation.from_matrix(self.rotation).as_quat()[[3, 0, 1, 2]], dtype=torch.float64)
        # In float64: a world far from the origin would lose the digits that the map back needs.
        means = torch.from_numpy(self.points(splats.means.detach().double().cpu().numpy()))
        return splats.replace(
            means=means.to(like),
            quats=hamilton(turn, splats.quats.double()).to(like),
            log_scales=splats.log_scales + float(np.log(self.scale)),
            shN=turned_harmonics(splats.shN, self.rotation),
        )


def hamilton(one: Tensor, other: Tensor) -> Tensor:
    """Return the products of quaternions wxyz, (4,) or (N,4), with others (N,4): the other turns first."""
    a, b, c, d = one.unbind(-1)
    w, x, y, z = other.unbind(-1)
    return torch.stack(
        [
            a * w - b * x - c * y - d * z,
            a * x + b * w + c * z - d * y,
            a * y - b * z + c * w + d * x,
            a * z + b * y - c * x + d * w,
        ],
        -1,
    )


def turned_harmonics(shN: Tensor, rotation: np.ndarray) -> Tensor:
    """Return the coefficients (N,K,3) of a splat that is turned by a rotation (3,3)."""
    degree = DEGREES[shN.shape[1]]
    if degree == 0:
        return shN
    # Any directions in general position decide a degree; 64 of them leave no doubt and cost nothing.
    seen = np.random.default_rng(0).normal(size=(64, 3))
    seen /= np.linalg.norm(seen, axis=1, keepdims=True)
    new, old = (basis(torch.from_numpy(directions), degree).numpy() for directions in (seen, seen @ rotation))
    turned = torch.empty_like(shN)
    for order in range(1, degree + 1):
        columns = slice(order**2, (order + 1) ** 2)
        D = np.linalg.lstsq(new[:, columns], old[:, columns], rcond=None)[0]
        rows = slice(order**2 - 1, (order + 1) ** 2 - 1)
        turned[:, rows] = torch.einsum("kj,njc->nkc", torch.from_numpy(D).to(shN), shN[:, rows])
    return turned
