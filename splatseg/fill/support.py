"""The surface that an object stands on: the plane that its neighbours lie in, that it touches, and that it is above.

Planes through three neighbours are tried (RANSAC, Fischler and Bolles 1981, scored as MSAC, Torr and Zisserman 2000):

    score = sum_i a_i min((h_i / t)^2, 1)            a_i = opacity times area: how much of a surface a Gaussian is

Planes that the object is not above, or does not touch, do not count. The best one is settled by weighted PCA of its
inliers. Triples are drawn with a fixed seed.

Alphabet: M members of the object, N neighbours among the rest; h heights over the plane, t tolerance, world units.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splatseg.fill.plane import Plane, covariances, spread_across
from splatseg.nearest import tree_of
from splatseg.splats.splats import Splats
from splatseg.spread import spread

NEAR = 0.5
"""Neighbours are this near to the object, as a share of its size (the diagonal of its box)."""

CLOSE = 0.1
"""Distance at which a neighbour counts half, as a share of the object's size."""

TOLERANCE = 0.04
"""Heights of a surface, as a share of the object's size. Chosen on the demo: planes under 12 things are at most 2
degrees off, with 0.02 up to 11."""

TOUCHING = (0.05, 0.15)
"""Heights up to which an object touches a plane, as a share of its size: those of the lower ends (two standard
deviations) of its lowest fiftieth. The second counts if no plane meets the first: nobody sees the underside of a ball,
so its Gaussians begin higher. Chosen on the demo, whose ball has 0.13."""

ABOVE = 0.9
"""Least share of the object on one side: masks give an object some of what it stands on."""

TRIALS = 500
"""Planes tried: with a third of the neighbours on the support, all fail with a probability of 1e-8."""

LEAST = 8
"""Fewest Gaussians that make a surface."""

MOST = 4000
"""Gaussians of each kind that planes are compared with; of more, some evenly spread ones."""


def find_support(rest: Splats, thing: Splats, size: float, usable: np.ndarray, places: np.ndarray) -> Plane | None:
    """Return the plane that an object stands on, None if there is none.

    rest: N Gaussians, those of them that photographs show `usable` (N,) bool; thing: the M Gaussians of the object;
    size: the diagonal of its box, world units; places (V,3) of the cameras, which see a surface from the object's side.
    """
    usable = np.flatnonzero(usable & np.isfinite(rest.positions).all(1))
    distances, _ = tree_of(thing.positions.astype(np.float64)).query(
        rest.positions[usable].astype(np.float64), distance_upper_bound=NEAR * size
    )
    near = np.array(spread(np.flatnonzero(np.isfinite(distances)).tolist(), MOST), dtype=int)
    if len(near) < LEAST:
        return None
    neighbours = rest.subset(usable[near])
    points = neighbours.positions.astype(np.float64)
    weights = _surface(neighbours, CLOSE * size) / (1 + (distances[near] / (CLOSE * size)) ** 2)
    body = _Body.of(thing.subset(np.array(spread(range(len(thing)), MOST))), size, places)
    for touching in TOUCHING:
        tried = _tried(points, weights, body, touching)
        if tried is not None:
            plane = _settled(tried, points, weights, TOLERANCE * size)
            if body.stands_on(plane, touching):
                return plane
    return None


def _surface(splats: Splats, largest: float) -> np.ndarray:
    """Return opacity times area (N,) of Gaussians, world units squared; sides longer than `largest` count as that."""
    scales = np.sort(np.exp(splats.log_scales.detach().double().numpy()), axis=1)[:, 1:].clip(max=largest)
    surface: np.ndarray = scales[:, 0] * scales[:, 1] / (1 + np.exp(-splats.opacity_logits.detach().double().numpy()))
    return surface


@dataclass(frozen=True, eq=False)
class _Body:
    """The object: means (M,3), covariances (M,3,3), size; and the places (V,3) of the cameras."""

    means: np.ndarray
    covariances: np.ndarray
    size: float
    places: np.ndarray

    @classmethod
    def of(cls, thing: Splats, size: float, places: np.ndarray) -> _Body:
        return cls(thing.positions.astype(np.float64), covariances(thing), size, places)

    def stands_on(self, plane: Plane, touching: float) -> bool:
        """Tell whether the object is above a plane, most cameras are, too, and it touches the plane."""
        heights = plane.heights(self.means)
        if (heights > -TOLERANCE * self.size).mean() < ABOVE:
            return False
        if len(self.places) and (plane.heights(self.places) > 0).mean() < 0.5:
            return False
        lower = heights - 2 * spread_across(self.covariances, plane)
        return float(np.quantile(lower, 0.02)) <= touching * self.size


def _tried(points: np.ndarray, weights: np.ndarray, body: _Body, touching: float) -> Plane | None:
    tolerance = TOLERANCE * body.size
    rng = np.random.default_rng(0)
    corners = points[np.stack([rng.choice(len(points), 3, replace=False) for _ in range(TRIALS)])]
    normals = np.cross(corners[:, 1] - corners[:, 0], corners[:, 2] - corners[:, 0])
    lengths = np.linalg.norm(normals, axis=1)
    good = lengths > 1e-6 * tolerance**2
    origins, normals = corners[good, 0], normals[good] / lengths[good, None]
    # Either side may be the object's.
    origins, normals = np.concatenate([origins, origins]), np.concatenate([normals, -normals])
    best: tuple[float, Plane] | None = None
    for origin, normal in zip(origins, normals, strict=True):
        plane = Plane(origin, normal)
        score = float((weights * np.minimum((plane.heights(points) / tolerance) ** 2, 1)).sum())
        if (best is None or score < best[0]) and body.stands_on(plane, touching):
            best = score, plane
    return None if best is None else best[1]


def _settled(plane: Plane, points: np.ndarray, weights: np.ndarray, tolerance: float) -> Plane:
    for _ in range(5):
        inliers = np.abs(plane.heights(points)) < tolerance
        if inliers.sum() < LEAST:
            return plane
        shares = weights[inliers] / weights[inliers].sum()
        origin = (shares[:, None] * points[inliers]).sum(0)
        away = points[inliers] - origin
        # Sums by NumPy, not by a product of matrices: the same bits for any number of threads.
        covariance = (shares[:, None, None] * away[:, :, None] * away[:, None, :]).sum(0)
        normal = np.linalg.eigh(covariance)[1][:, 0]
        plane = Plane(origin, normal if float((normal * plane.normal).sum()) > 0 else -normal)
    return plane
