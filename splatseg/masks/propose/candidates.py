"""Nodes of the merge trees as candidates: how like an object each is, and which to keep.

Alphabet: R regions; E pairs of regions that touch; C candidates, each a set of regions: a row of `members` (C,R) bool.
A candidate's outline is the pairs of regions of which it holds exactly one.
"""

from __future__ import annotations

import numpy as np

from splatseg.masks.propose.regions import RegionGraph

CHAIN = 0.93
"""Of nodes that follow one another in a tree, each must be smaller than this times the last one kept."""

WEAK = 0.35
"""A piece of outline whose mean cue is below this is hardly a boundary."""

INTERCEPT = 0.039
COEFFICIENTS = np.array([-0.007, -0.149, -0.07, 0.224, 0.959, 0.095, -0.122, -0.384, 0.796])
"""Of the features below: the IoU with the object that fits best, by least squares over the nodes of seven views of
three scenes (those that HIERARCHIES were chosen by)."""


def nodes_of(graph: RegionGraph, merges: np.ndarray, smallest: float, largest: float) -> np.ndarray:
    """(C,R) the nodes of a tree whose area, in pixels, is in smallest..largest, thinned where they hardly grow."""
    count, nodes = graph.count, graph.count + len(merges)
    members = np.zeros((nodes, count), bool)
    members[np.arange(count), np.arange(count)] = True
    areas = np.concatenate([graph.areas, np.zeros(len(merges))])
    for node, (a, b) in enumerate(merges.tolist(), start=count):
        np.logical_or(members[a], members[b], out=members[node])
        areas[node] = areas[a] + areas[b]
    kept = (areas >= smallest) & (areas <= largest)
    above = np.full(nodes, np.inf)  # the area of the last node kept on the way down from the root
    for node in range(nodes - 1, -1, -1):
        if kept[node]:
            kept[node] = areas[node] < CHAIN * above[node]
        if node >= count:
            above[merges[node - count]] = areas[node] if kept[node] else above[node]
    return members[kept]


def unlike(members: np.ndarray) -> np.ndarray:
    """Candidates without those that repeat an earlier one exactly; the order stays."""
    first = np.unique(np.packbits(members, axis=1), axis=0, return_index=True)[1]
    return members[np.sort(first)]


def outlined(graph: RegionGraph, members: np.ndarray, weakest: float) -> np.ndarray:
    """Candidates of whose outline inside the image at most the share `weakest` is weak. Objects hardly have more."""
    a, b = graph.pairs.T
    cut = (members[:, a] != members[:, b]).astype(np.float32)
    sums = cut @ np.stack([graph.lengths, _weak(graph)], axis=1).astype(np.float32)
    return members[sums[:, 1] <= weakest * sums[:, 0]]


def _weak(graph: RegionGraph) -> np.ndarray:
    """(E,) the length of borders that are hardly boundaries, 0 for the others."""
    return graph.lengths * (graph.edges + graph.contrasts < 2 * WEAK * graph.lengths)


def likeness(graph: RegionGraph, members: np.ndarray) -> np.ndarray:
    """(C,) float32 in 0..1: how like an object candidates (C,R) are."""
    return np.clip(outline_features(graph, members) @ COEFFICIENTS + INTERCEPT, 0, 1).astype(np.float32)


def outline_features(graph: RegionGraph, members: np.ndarray) -> np.ndarray:
    """(C,9): edge and contrast along the outline and the share of it that is weak; cues within; how much the colours
    and textures inside differ from those just outside; compactness; share of the outline on the image's border; the
    logarithm of the area (1 = all pixels) and its square."""
    a, b = graph.pairs.T
    has_a, has_b = members[:, a], members[:, b]
    lengths = graph.lengths.astype(np.float32)
    cut, within = (has_a != has_b).astype(np.float32), (has_a & has_b).astype(np.float32)
    along = np.stack([lengths, graph.edges, graph.contrasts], axis=1).astype(np.float32)
    outline, inside = cut @ along, within @ along
    length = np.maximum(outline[:, 0], 1)
    means = (graph.histograms / graph.areas[:, None]).astype(np.float32)
    outside = (cut * has_b) @ (lengths[:, None] * means[a]) + (cut * has_a) @ (lengths[:, None] * means[b])
    areas, frame = members @ graph.areas, members @ graph.frames
    own = members.astype(np.float32) @ graph.histograms.astype(np.float32) / areas[:, None]
    around = outside / length[:, None]
    large = np.log10(areas / graph.areas.sum()) / 4 + 1
    features = (
        outline[:, 1] / length,
        outline[:, 2] / length,
        cut @ _weak(graph).astype(np.float32) / length,
        (inside[:, 1] + inside[:, 2]) / np.maximum(2 * inside[:, 0], 1),
        ((own - around) ** 2 / (own + around + 1e-4)).sum(1) / 10,
        4 * np.sqrt(areas) / (outline[:, 0] + frame + 1),
        frame / (outline[:, 0] + frame + 1),
        large,
        large**2,
    )
    return np.stack(features, axis=1)


def distinct(graph: RegionGraph, members: np.ndarray, scores: np.ndarray, overlap: float, most: int) -> np.ndarray:
    """Indices of at most `most` candidates, best first, none with an IoU above `overlap` with a better one."""
    order = np.argsort(-scores, kind="stable")
    weighted = (members[order] * np.sqrt(graph.areas)).astype(np.float32)
    areas = members[order] @ graph.areas
    kept: list[int] = []
    for rank in range(len(order)):
        common = weighted[kept] @ weighted[rank]
        if not (common > overlap * (areas[kept] + areas[rank] - common)).any():
            kept.append(rank)
            if len(kept) == most:
                break
    return order[kept]
