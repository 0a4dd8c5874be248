"""Profile of a cut: narrower Gaussians in a row that together cover what their parent covered.

    parent  o exp(-x^2 / 2)        children  1 - prod_j (1 - a_j exp(-(x - c_j)^2 / (2 width^2)))

Alphabet: x along the axis of the cut, in standard deviations of the parent; o its opacity; three children of one width
at centres c = (-d, 0, d) with opacities a = (b, e, b). d, b, e are fitted by least squares on a grid of opacities, and
interpolated in the logit between them. Children have the parent's colour and nearly its depth, so if they cover as
much, the picture is the same. The fit is to alpha and not to the sum of densities, because opaque Gaussians are
blended, not added.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy.optimize import least_squares

CHILDREN = 3
"""Children of a split Gaussian."""

LOGITS = np.linspace(-5.0, 7.0, 33)
"""Grid of opacity logits, from below what is drawn to above what any Gaussian may cover."""

EXTENT = np.linspace(0.0, 4.0, 161)
"""Places x of the fit; the other half is the mirror image."""


@dataclass(frozen=True, eq=False)
class Profile:
    """The fit on the grid LOGITS."""

    width: float
    """Width of every child, as a share of the parent's."""
    distance: np.ndarray
    """(L,) d."""
    outer: np.ndarray
    """(L,) logits of b."""
    inner: np.ndarray
    """(L,) logits of e."""

    def children(self, logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return (centres (R,3) in standard deviations, opacity logits (R,3)) of the children of parents.

        logits (R,): the parents' opacity logits.
        """
        distance, outer, inner = (np.interp(logits, LOGITS, row) for row in (self.distance, self.outer, self.inner))
        return np.stack([-distance, 0.0 * distance, distance], 1), np.stack([outer, inner, outer], 1)


@lru_cache(maxsize=8)
def fitted_profile(width: float) -> Profile:
    """Fit the profile for children of this width, as a share of the parent's (0..1). Takes some tenths of a second."""
    start = np.array([1.0, LOGITS[0] - 0.5, LOGITS[0]])
    rows = []
    for logit in LOGITS:
        target = _sigmoid(logit) * np.exp(-0.5 * EXTENT**2)
        # Each fit starts from that of the opacity before, so the solution does not jump along the grid.
        start = least_squares(_residual, start, args=(width, target)).x
        rows.append(start)
    distance, outer, inner = np.array(rows).T
    return Profile(width, distance, outer, inner)


def covered(offsets: np.ndarray, centres: np.ndarray, opacities: np.ndarray, width: float) -> np.ndarray:
    """Return the alpha (X,) of children blended over one another, at offsets (X,) along the axis."""
    each = opacities * np.exp(-0.5 * ((offsets[:, None] - centres) / width) ** 2)
    alpha: np.ndarray = 1.0 - np.prod(1.0 - each, axis=1)
    return alpha


def _residual(parameters: np.ndarray, width: float, target: np.ndarray) -> np.ndarray:
    distance, outer, inner = parameters
    opacities = _sigmoid(np.array([outer, inner, outer]))
    residual: np.ndarray = covered(EXTENT, np.array([-distance, 0.0, distance]), opacities, width) - target
    return residual


def _sigmoid(logits: np.ndarray) -> np.ndarray:
    values: np.ndarray = 1.0 / (1.0 + np.exp(-logits))
    return values
