"""Cells: a partition of all space by cuts across the plane in which a scene is widest.

    cell of a point = the leaf of a tree of half-spaces, coordinates x_a = <frame_a, point>, a = 0, 1

The plane is that of the two widest principal axes of the Gaussians, the ground of a town or the floor of a room. Every
cut halves the Gaussians of its part (or divides them 1:2, ... where the number of cells is odd), across the axis in
which they are spread most. So cells hold equal numbers, cover all space without a gap, and every point has one owner.
A cell grown by its margins also holds what lies beside it: such Gaussians are trained with it and belong to others.
Margins are as wide as holds a share of the cell's own number: far surroundings would make a width in metres useless.

Alphabet: N points (N,3), world; frame (2,3) unit vectors; nodes (M,6) float64: axis, place of the cut, what is below
and what above, where the margin of what is above begins and where that of what is below ends. Below and above are a
later node, or -1 - c for cell c. Source: parts of equal numbers with overlap as in VastGaussian (Lin et al. 2024).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

NEAR = 0.9
"""Share of the points, those nearest to their median, whose spread decides the plane: surroundings are far out."""

MIDDLE = (0.1, 0.9)
"""Quantiles between which the width of a part is measured."""


@dataclass(frozen=True, eq=False)
class Cells:
    """A partition of space into `count` cells."""

    frame: np.ndarray
    """Axes (2,3) float64 of the plane, unit vectors."""
    nodes: np.ndarray
    """The tree of cuts, (M,6) float64; no row for one cell."""

    @property
    def count(self) -> int:
        """Number of cells."""
        sides = self.nodes[:, 2:4]
        return int(-sides.min()) if len(sides) else 1

    def owners(self, means: np.ndarray) -> np.ndarray:
        """Return the cell (N,) int64 of each point (N,3)."""
        along = self.along(means)
        place = np.full(len(means), 0 if len(self.nodes) else -1)
        for k, (axis, cut, below, above, _, _) in enumerate(self.nodes):
            here = place == k
            place[here] = np.where(along[here, int(axis)] < cut, int(below), int(above))
        return -1 - place

    def grown(self, cell: int, means: np.ndarray) -> np.ndarray:
        """Return which points (N,3) lie in a cell or within its margins, (N,) bool."""
        along = self.along(means)

        def within(node: int) -> np.ndarray:
            if node < 0:
                return np.full(len(means), node == -1 - cell)
            axis, _, below, above, low, high = self.nodes[node]
            x = along[:, int(axis)]
            inside: np.ndarray = (within(int(below)) & (x < high)) | (within(int(above)) & (x >= low))
            return inside

        return within(0 if len(self.nodes) else -1)

    def without(self, cell: int) -> Cells:
        """Return the cells with one of them given to its neighbour, the cell on the other side of its last cut."""
        nodes = self.nodes.copy()
        sides = [(self._leaves(int(below)), self._leaves(int(above))) for _, _, below, above, _, _ in reversed(nodes)]
        alone = {cell}
        other = next(min((a | b) - alone) for a, b in sides if alone in (a, b) and a != b)
        links = nodes[:, 2:4]
        links[links == -1 - cell] = -1 - other
        links[links < -1 - cell] += 1  # later cells move up
        return replace(self, nodes=nodes)

    def _leaves(self, node: int) -> set[int]:
        """Return the cells below a node."""
        return {-1 - node} if node < 0 else {leaf for side in self.nodes[node, 2:4] for leaf in self._leaves(int(side))}

    def along(self, means: np.ndarray) -> np.ndarray:
        """Return the coordinates (N,2) float64 of points (N,3) in the plane."""
        # Products and sums one by one: a matrix product may be cut into as many pieces as there are threads.
        points = means.astype(np.float64)
        return np.stack([sum(points[:, k] * axis[k] for k in range(3)) for axis in self.frame], axis=1)


def cells_of(means: np.ndarray, count: int, overlap: float, turn: float = 0.0) -> Cells:
    """Return `count` cells that hold equal numbers of points (N,3), N >= 1.

    overlap: width of margins in widths of the cell, both by the number of points that they hold. turn: angle in radians
    by which the axes are turned in their plane.
    """
    finite = means[np.isfinite(means).all(axis=1)]
    first, second = _plane(finite.astype(np.float64))
    axes = [math.cos(turn) * first + math.sin(turn) * second, math.cos(turn) * second - math.sin(turn) * first]
    whole = Cells(np.array(axes), np.zeros((0, 6)))
    nodes: list[list[float]] = []
    made = 0

    def divide(along: np.ndarray, parts: int) -> int:
        """Add the nodes of a part and return its number, of a node or of a cell."""
        nonlocal made
        if parts == 1 or len(along) == 0:
            made += 1
            return -made
        axis, below = int(np.argmax(_widths(along))), parts // 2
        x = np.sort(along[:, axis])
        last = round(len(x) * below / parts)
        margins = [overlap * last / math.sqrt(below), overlap * (len(x) - last) / math.sqrt(parts - below)]
        cut, low, high = (_between(x, place) for place in (last, last - margins[1], last + margins[0]))
        node, first = len(nodes), along[:, axis] < cut
        nodes.append([axis, cut, 0, 0, low, high])
        nodes[node][2] = divide(along[first], below)
        nodes[node][3] = divide(along[~first], parts - below)
        return node

    divide(whole.along(finite), count)
    return replace(whole, nodes=np.array(nodes, np.float64).reshape(-1, 6))


def _between(x: np.ndarray, place: float) -> float:
    """Return the middle between two neighbours of sorted values, those before and after a place."""
    after = min(max(round(place), 0), len(x) - 1)
    return float(x[max(after - 1, 0)] + x[after]) / 2


def _plane(points: np.ndarray) -> np.ndarray:
    """Return the two widest principal axes (2,3) of points (N,3), each with its largest part above zero."""
    centred = points - np.median(points, axis=0)
    far = np.square(centred).sum(axis=1)
    centred = centred[far <= np.quantile(far, NEAR)]
    centred = centred - centred.mean(axis=0)
    spread = [[float((centred[:, i] * centred[:, j]).sum()) for j in range(3)] for i in range(3)]
    axes: np.ndarray = np.linalg.eigh(np.array(spread))[1].T[:0:-1]
    signs = [float(np.sign(axis[np.argmax(np.abs(axis))])) for axis in axes]
    signed: np.ndarray = axes * np.array(signs)[:, None]
    return signed


def _widths(along: np.ndarray) -> np.ndarray:
    """Return how wide points (N,2) lie along each axis, (2,)."""
    low, high = np.quantile(along, MIDDLE, axis=0)
    widths: np.ndarray = high - low
    return widths
