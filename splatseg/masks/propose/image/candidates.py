"""Nodes of the merge trees as candidates: how like an object each is, and which to keep.

Alphabet: R regions; E pairs of regions that touch; C candidates, each a set of regions: a row of `members` (C,R) bool.
A candidate's outline is the pairs of regions of which it holds exactly one.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from splatseg.masks.propose.image.regions import RegionGraph

CHAIN = 0.93
"""Of nodes that follow one another in a tree, each must be smaller than this times the last one kept."""

WEAK = 0.35
"""A piece of outline whose mean cue is below this is hardly a boundary."""

INTERCEPT = 0.04
COEFFICIENTS = np.array([-0.01, -0.15, -0.07, 0.22, 0.96, 0.1, -0.12, -0.38, 0.8])
"""Of the features below: the IoU with the object that fits best, by least squares over candidates of three scenes."""


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
    kept: np.ndarray = members[sums[:, 1] <= weakest * sums[:, 0]]
    return kept


def without_laden(graph: RegionGraph, members: np.ndarray, large: float, cover: float) -> np.ndarray:
    """Candidates without large surfaces that have things on them, such as a table with all that stands on it.

    A surface is regions that hang together by weak borders. A candidate of more than `large` pixels goes if its largest
    surface is more than half of it (0.55) and less than the share `cover`.
    """
    areas = members @ graph.areas
    joined = _weak(graph) > 0
    kept = np.ones(len(members), bool)
    for c in np.flatnonzero(areas > large):
        a, b = graph.pairs[joined & members[c][graph.pairs].all(axis=1)].T
        links = sparse.coo_array((np.ones(len(a)), (a, b)), (graph.count, graph.count))
        component = sparse.csgraph.connected_components(links, directed=False)[1]
        share = np.bincount(component[members[c]], graph.areas[members[c]]).max() / areas[c]
        kept[c] = not 0.55 <= share < cover
    return members[kept]


def _weak(graph: RegionGraph) -> np.ndarray:
    """(E,) the length of borders that are hardly boundaries, 0 for the others."""
    weak: np.ndarray = graph.lengths * (graph.edges + graph.contrasts < 2 * WEAK * graph.lengths)
    return weak


def likeness(graph: RegionGraph, members: np.ndarray) -> np.ndarray:
    """(C,) float32 in 0..1: how like an object candidates (C,R) are."""
    likeness: np.ndarray = np.clip(outline_features(graph, members) @ COEFFICIENTS + INTERCEPT, 0, 1).astype(np.float32)
    return likeness


def outline_features(graph: RegionGraph, members: np.ndarray) -> np.ndarray:
    """Features (C,9) of candidates and their outlines.

    Edge and contrast along the outline and the share of it that is weak; cues within; how much the colours and textures
    inside differ from those just outside; compactness; share of the outline on the image's border; the logarithm of the
    area (1 = all pixels) and its square.
    """
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
