"""Registration of a splat in another world with a capture: a similarity that lays it over the sparse points.

    min over S of the mean of the nearest-Gaussian distances of S^-1(points), in units of the splat      (trimmed ICP)

Every sparse point lies on a surface, so it has a Gaussian near it; not the other way round. Distances are measured in
the splat's world and divided by its size there, or points that shrink into a dense place would fit best. The start is
decided up to the 24 turns that map axes to axes: both clouds are centred by medians, scaled by their median distance
from the centre, and turned to their principal axes; where the axes differ, the 60 turns of an icosahedron lead on. The
scale is kept, and several are tried: left free, it shrinks the points into the densest place. The best few ends are
handed to who can judge and refine them by photographs.

Alphabet: P points, N Gaussians, world units of either side.

Sources: Besl and McKay 1992 (ICP), Chetverikov et al. 2005 (trimmed), Umeyama 1991 (similarities).
"""

from __future__ import annotations

from itertools import permutations, product
from typing import TYPE_CHECKING

import numpy as np

from splatseg.nearest import tree_of
from splatseg.splats.similarity import Similarity

if TYPE_CHECKING:
    from scipy.spatial import cKDTree

MOST_POINTS, MOST_GAUSSIANS = 400, 10_000
"""Points and Gaussians that take part, drawn evenly: what follows is judged and refined by photographs."""

SCALES = (1.0, 0.6, 0.36, 0.22, 0.13)
"""Scales to start from, times the one by the clouds' sizes. Of eight scenes, the size of a splat was 1.0 to 7.8 times
that of its sparse points: Gaussians lie far out where no point was found."""

FEWEST_POINTS = 50
"""Sparse points without which nothing is registered."""

BEST = 8
"""Ends of a scale, all different, that are judged by photographs: distances alone put the right one of a splat of 300
steps, full of floaters, at the fifth place."""

SAME = 0.01
"""Distance of two ends, as a share of the points' size, below which they are one."""

TRIM = 0.7
"""Share of the points, those with the smallest distances, that count: some were seen wrongly, or not by the splat."""

ROUNDS = 15
"""Rounds of nearest neighbours and least squares."""


def axis_turns() -> list[np.ndarray]:
    """Return the 24 rotations (3,3) that map axes to axes, the identity first."""
    turns = []
    for order, signs in product(permutations(range(3)), product((1.0, -1.0), repeat=3)):
        turn = np.zeros((3, 3))
        turn[range(3), order] = signs
        if np.linalg.det(turn) > 0:
            turns.append(turn)
    return sorted(turns, key=lambda turn: -float(np.trace(turn)))


def icosahedral_turns() -> list[np.ndarray]:
    """Return the 60 rotations (3,3) of an icosahedron, for clouds whose principal axes are not the same."""
    from scipy.spatial.transform import Rotation  # noqa: PLC0415 (most splats need no registration)

    return list(Rotation.create_group("I").as_matrix())


def register(gaussians: np.ndarray, points: np.ndarray, turns: list[np.ndarray], best: int = BEST) -> list[Similarity]:
    """Return similarities from the world of Gaussians (N,3) to that of sparse points (P,3): the `best` of each scale.

    turns: rotations (3,3) of one cloud's principal axes against the other's to start from. Many starts reach one end;
    it is returned once.

    Empty if there are too few of either.
    """
    gaussians, points = some_of(gaussians, MOST_GAUSSIANS), some_of(points, MOST_POINTS)
    if len(points) < FEWEST_POINTS or len(gaussians) < FEWEST_POINTS:
        return []
    centre, axes, size = _frame(gaussians)
    from_centre, from_axes, from_size = _frame(points)
    tree = tree_of(gaussians)
    found: list[Similarity] = []
    for factor in SCALES:
        ends = []
        for turn in turns:
            scale, rotation = factor * size / from_size, axes @ turn @ from_axes.T
            start = Similarity(rotation, centre - scale * rotation @ from_centre, scale)
            ends.append(_laid_over(start, points, tree, gaussians))
        order = np.argsort([error for _, error in ends], kind="stable")
        found += [end.inverse() for end in _different([ends[i][0] for i in order], points, best)]
    return found


def _different(ends: list[Similarity], points: np.ndarray, most: int) -> list[Similarity]:
    """Return the first `most` of the ends that lay the points (P,3) elsewhere than those before them."""
    kept: list[Similarity] = []
    laid: list[np.ndarray] = []
    for end in ends:
        there = end.points(points)
        size = float(np.linalg.norm(there - there.mean(axis=0), axis=1).mean())
        if all(float(np.linalg.norm(there - one, axis=1).mean()) > SAME * size for one in laid):
            kept, laid = [*kept, end], [*laid, there]
        if len(kept) == most:
            break
    return kept


def some_of(cloud: np.ndarray, most: int) -> np.ndarray:
    """Return at most `most` of the finite points of a cloud (P,3), evenly drawn, float64."""
    finite: np.ndarray = np.asarray(cloud, dtype=np.float64)[np.isfinite(cloud).all(axis=1)]
    return finite[np.linspace(0, len(finite) - 1, min(most, len(finite))).astype(int)] if len(finite) else finite


def _frame(cloud: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return centre (3,), principal axes (3,3) as columns, and size of a cloud; what lies far out does not count."""
    centre = np.median(cloud, axis=0)
    distances = np.linalg.norm(cloud - centre, axis=1)
    size = max(float(np.median(distances)), 1e-12)
    inner = cloud[distances < 3.0 * size] - centre
    _, axes = np.linalg.eigh(inner.T @ inner)
    if np.linalg.det(axes) < 0:
        axes[:, 0] *= -1.0
    return centre, axes, size


def _laid_over(move: Similarity, points: np.ndarray, tree: cKDTree, gaussians: np.ndarray) -> tuple[Similarity, float]:
    """Return the similarity that ICP reaches from `move`, from points to Gaussians, and its trimmed mean distance."""
    error = np.inf
    for _ in range(ROUNDS):
        distances, nearest = tree.query(move.points(points), workers=-1)
        kept = np.argsort(distances, kind="stable")[: int(TRIM * len(points))]
        now = float(distances[kept].mean())
        if now > 0.999 * error:
            break
        error = now
        move = Similarity.between(points[kept], gaussians[nearest[kept]], move.scale)
    return move, error
