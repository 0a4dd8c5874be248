"""Merge trees: touching regions merge one by one, the cheapest pair first, into a tree of parts and wholes.

    cost = size_sum * w_size + m / (m + patience) * (sum of the cues of the pair, weighted)      m = the smaller area

so that very small regions merge regardless of their cues. All cues are in about 0..1:

    edge, contrast        means along the common border            above      edge relative to the edges inside the two
    colour, texture       chi-square distance of histograms        lightness, chroma   distance of mean colours
    open                  the share of the smaller one's outline that is not the common border (0 = enclosed)
    sprawl                the share of the common bounding box that neither fills

No single order of merging suits all objects: a lid joins its bottle because it is enclosed, stripes join their ball by
texture, a shadow joins its table by chroma. Several weightings give several trees; proposals are taken from all.

Source: Uijlings et al. 2013, "Selective search for object recognition"; Arbelaez et al. 2014, "Multiscale combinatorial
grouping". Alphabet: R regions, nodes 0..R-1 of the tree; node R + k is merge k.
"""

from __future__ import annotations

import heapq
from dataclasses import dataclass

import numpy as np

from splatseg.masks.propose.image.cues import BINS
from splatseg.masks.propose.image.regions import RegionGraph

COLOUR_BINS = 3 * BINS


@dataclass(frozen=True)
class MergeWeights:
    """Weights of the cues in the cost of merging two regions. The cues are defined in the module."""

    edge: float = 0.0
    """Weight of the mean edge along the common border."""

    contrast: float = 0.0
    """Weight of the mean contrast along the common border."""

    colour: float = 0.0
    """Weight of the distance of the histograms of colour."""

    texture: float = 0.0
    """Weight of the distance of the histograms of texture."""

    lightness: float = 0.0
    """Weight of the distance of mean lightness."""

    chroma: float = 0.0
    """Weight of the distance of mean chroma."""

    open: float = 0.0
    """Weight of the share of the smaller outline that is not the common border."""

    sprawl: float = 0.0
    """Weight of the share of the common bounding box that neither fills."""

    above: float = 0.0
    """Weight of the edge relative to the edges inside the two."""

    size: float = 0.0
    """Weight of the joint area, as a share of the image."""

    patience: float = 0.0
    """Area of the smaller region at which cues count half, in pixels of a 640x480 image."""


class _Forest:
    """Sums of all nodes made so far, and the cost of merging pairs of them."""

    def __init__(self, graph: RegionGraph, weights: MergeWeights) -> None:
        count, self.pixels = graph.count, float(graph.labels.size)
        w = weights
        self.cues = np.array(
            [w.edge, w.contrast, w.colour, w.texture, w.lightness, w.chroma, w.open, w.sprawl, w.above]
        )
        self.size, self.patience = w.size, w.patience * self.pixels / (640 * 480)
        # Outline of a region: its sides on the image's border and all borders with others.
        outline = graph.frames.copy()
        np.add.at(outline, graph.pairs.ravel(), np.repeat(graph.lengths, 2))
        sums = np.concatenate([graph.areas[:, None], outline[:, None], graph.inner[:, None], graph.lab], axis=1)
        # Columns: area, outline, edge inside, then OKLab.
        self.sums = np.zeros((2 * count - 1, sums.shape[1]))
        self.sums[:count] = sums
        self.histograms = np.zeros((2 * count - 1, graph.histograms.shape[1]), np.float32)
        self.histograms[:count] = graph.histograms / graph.areas[:, None]
        # Boxes as -top, -left, bottom, right: the box around two is their maximum.
        self.boxes = np.zeros((2 * count - 1, 4))
        self.boxes[:count] = graph.boxes * [-1, -1, 1, 1]

    def join(self, a: int, b: int, node: int, border: float) -> None:
        """Write the sums of a new node, the union of a and b with a common border of this length."""
        self.sums[node] = self.sums[a] + self.sums[b]
        self.sums[node, 1] -= 2 * border  # the common border was in both outlines
        share = self.sums[a, 0] / self.sums[node, 0]
        self.histograms[node] = share * self.histograms[a] + (1 - share) * self.histograms[b]
        self.boxes[node] = np.maximum(self.boxes[a], self.boxes[b])

    def cost(self, a: np.ndarray, b: np.ndarray, border: np.ndarray) -> np.ndarray:
        """Return the costs (P,) of merging nodes a (P,) or (1,) with nodes b (P,).

        border (P,3): length of the common border, sum of edge and sum of contrast along it.
        """
        one, other = self.sums[a], self.sums[b]
        area, smaller = one[:, 0] + other[:, 0], np.minimum(one[:, 0], other[:, 0])
        edge = border[:, 1] / border[:, 0]
        difference = self.histograms[a] - self.histograms[b]
        chi = difference * difference / (self.histograms[a] + self.histograms[b] + np.float32(1e-4))
        colours = np.abs(one[:, 3:] / one[:, :1] - other[:, 3:] / other[:, :1])
        box = np.maximum(self.boxes[a], self.boxes[b])
        inside = np.maximum(one[:, 2] / one[:, 0], other[:, 2] / other[:, 0])
        cues = (
            edge,
            border[:, 2] / border[:, 0],
            chi[:, :COLOUR_BINS].sum(1) / 6,
            chi[:, COLOUR_BINS:].sum(1) / 4,
            np.minimum(4 * colours[:, 0], 1),
            np.minimum(10 * np.hypot(colours[:, 1], colours[:, 2]), 1),
            1 - border[:, 0] / np.minimum(one[:, 1], other[:, 1]),
            1 - area / ((box[:, 0] + box[:, 2]) * (box[:, 1] + box[:, 3])),
            edge / (edge + inside + 0.02),
        )
        speaks = self.cues @ np.stack(cues)
        cost: np.ndarray = speaks * (smaller / (smaller + self.patience)) + self.size * area / self.pixels
        return cost


def merge_regions(graph: RegionGraph, weights: MergeWeights) -> tuple[np.ndarray, np.ndarray]:
    """Return (merges (K,2) int, costs (K,)): merge k makes node R + k of two earlier nodes; K = R - 1.

    At equal costs the pair with the lower numbers comes first, so the tree is the same every time.
    """
    forest, count = _Forest(graph, weights), graph.count
    borders = np.stack([graph.lengths, graph.edges, graph.contrasts], axis=1)
    neighbours: list[dict[int, tuple[float, float, float]]] = [{} for _ in range(count)]
    for (a, b), border in zip(graph.pairs.tolist(), borders.tolist(), strict=True):
        neighbours[a][b] = neighbours[b][a] = tuple(border)
    costs = forest.cost(graph.pairs[:, 0], graph.pairs[:, 1], borders) if len(borders) else np.empty(0)
    heap = [(cost, a, b) for cost, (a, b) in zip(costs.tolist(), graph.pairs.tolist(), strict=True)]
    heapq.heapify(heap)
    alive, merges, paid = [True] * count, [], []
    while heap:
        cost, a, b = heapq.heappop(heap)
        if not (alive[a] and alive[b]):  # an entry of the heap from before one of them was merged
            continue
        node = len(alive)
        alive[a] = alive[b] = False
        alive.append(True)
        forest.join(a, b, node, neighbours[a][b][0])
        joined = _joined_neighbours(neighbours, a, b, node)
        merges.append((a, b))
        paid.append(cost)
        if joined:
            others = list(joined)
            new = forest.cost(np.array([node]), np.array(others), np.array([joined[other] for other in others]))
            for other, cost in zip(others, new.tolist(), strict=True):
                heapq.heappush(heap, (cost, other, node))
    return np.array(merges, dtype=np.int64).reshape(-1, 2), np.array(paid)


def _joined_neighbours(
    neighbours: list[dict[int, tuple[float, float, float]]], a: int, b: int, node: int
) -> dict[int, tuple[float, float, float]]:
    """Return the borders of a new node: those of a and b added up, and entered at its neighbours."""
    joined, added = neighbours[a], neighbours[b]
    del joined[b], added[a]
    for other, (length, edge, contrast) in added.items():
        if other in joined:
            before = joined[other]
            joined[other] = (before[0] + length, before[1] + edge, before[2] + contrast)
        else:
            joined[other] = (length, edge, contrast)
    for other, border in joined.items():
        known = neighbours[other]
        known.pop(a, None)
        known.pop(b, None)
        known[node] = border
    neighbours[a] = neighbours[b] = {}
    neighbours.append(joined)
    return joined
