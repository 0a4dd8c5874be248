"""The box of a set of Gaussians by quantiles of their centres: a stray one must not make a scene 600 units wide.

    middle = median of each coordinate        r_i = |x_i - middle|        far out: r_i > 10 median(r)
    low, high = quantiles 0.01 and 0.99 of each coordinate of those that are not far out

Quantiles alone leave the box of a table as wide as the sky if more than 1 % of its Gaussians are up there. What is far
out does not count as long as it is less than half of the set; most of a set that lies in the sky has the size of the
sky.

Alphabet: P points, the centres of the Gaussians, world units.

Source: the median distance from the median as a measure of spread that half of the data cannot spoil (Hampel, "The
influence curve and its role in robust estimation", 1974).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from splatseg.splats.ranks import Batches, count_of, median, quantiles

OUTERMOST = 0.01
"""Share of the centres that a box leaves out on each side."""

FAR_OUT = 10.0
"""Median distances from the middle beyond which a centre is far out. A rod reaches 2, a room around the table on which
most of the detail lies 9; the sky and strays lie at 70 and more [runs of demo, tabletop and kitchen: at 5 parts of a
room are lost, at 10 and at 20 boxes are the same]."""


def far_out(points: np.ndarray) -> np.ndarray:
    """Return the points (P,3) that lie too far from the middle to belong to the set: (P,) bool.

    None are if half of the points or more lie in one place.
    """
    points = points.astype(np.float64)
    if len(points) == 0:
        return np.zeros(0, dtype=bool)
    distances = distances_from_middle(points)
    out: np.ndarray = distances > FAR_OUT
    return out


def distances_from_middle(points: np.ndarray) -> np.ndarray:
    """Return the distances of points (P,3), P > 0, from their middle, in median distances: (P,) float64.

    All are 0 if half of the points or more lie in one place.
    """
    points = points.astype(np.float64)
    distances: np.ndarray = np.linalg.norm(points - np.median(points, axis=0), axis=1)
    usual = float(np.median(distances))
    return distances / usual if usual > 0 else np.zeros_like(distances)


def quantile_box(points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the lower and the upper corner (3,) float64 of the box of points (P,3), P > 0."""
    points = points.astype(np.float64)
    low, high = np.quantile(points[~far_out(points)], (OUTERMOST, 1 - OUTERMOST), axis=0)
    return low, high


def box_in_batches(batches: Batches) -> tuple[np.ndarray, np.ndarray, int]:
    """Return `quantile_box` of points given in batches (n,3) float64, and how many are `far_out`; to the same bits.

    There is at least one point.
    """
    count = count_of(batches)
    middle = median(batches, count)

    def distances() -> Iterator[np.ndarray]:
        return (np.linalg.norm(batch - middle, axis=1)[:, None] for batch in batches())

    usual = float(median(distances, count)[0])

    def inside() -> Iterator[np.ndarray]:
        for batch in batches():
            apart = np.linalg.norm(batch - middle, axis=1)
            yield batch[~(apart / usual > FAR_OUT)] if usual > 0 else batch

    left = count_of(inside)
    low, high = quantiles(inside, [OUTERMOST, 1 - OUTERMOST], left)
    return low, high, count - left
