"""Candidates for masks: nodes of the merge trees, their likeness to objects, and their selection.

Alphabet: R regions; E pairs of regions that touch; C candidates, each a set of regions: a row of `members` (C,R) bool.
The outline of a candidate consists of the pairs of regions of which it contains exactly one.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from splatseg.masks.propose.image.regions import RegionGraph

CHAIN = 0.93
"""On a path down a tree, a node is kept only if it is smaller than this times the last kept node."""

WEAK = 0.35
"""Mean cue below which a piece of outline is weak, hardly a boundary."""

INTERCEPT = 0.04
COEFFICIENTS = np.array([-0.01, -0.15, -0.07, 0.22, 0.96, 0.1, -0.12, -0.38, 0.8])
"""Linear model of the features below: the IoU with the best fitting object, by least squares over three scenes."""


def nodes_of(graph: RegionGraph, merges: np.ndarray, smallest: float, largest: float) -> np.ndarray:
    """Return the nodes (C,R) of a tree with an area of smallest..largest pixels, without those that hardly grow."""
    count, nodes = graph.count, graph.count + len(merges)
    members = np.zeros((nodes, count), bool)
    members[np.arange(count), np.arange(count)] = True
    areas = np.concatenate([graph.areas, np.zeros(len(merges))])
    for node, (a, b) in enumerate(merges.tolist(), start=count):
        np.logical_or(members[a], members[b], out=members[node])
        areas[node] = areas[a] + areas[b]
    kept = (areas >= smallest) & (areas <= largest)
    # From the root down: parents have higher numbers than their children.
    above = np.full(nodes, np.inf)  # the area of the last node kept on the way down from the root
    for node in range(nodes - 1, -1, -1):
        if kept[node]:
            kept[node] = areas[node] < CHAIN * above[node]
        if node >= count:
            above[merges[node - count]] = areas[node] if kept[node] else above[node]
    return members[kept]


def unlike(members: np.ndarray) -> np.ndarray:
    """Return the candidates without exact repetitions of earlier ones, in the same order."""
    seen: set[bytes] = set()
    packed = np.packbits(members, axis=1)
    new = np.zeros(len(members), bool)
    for c, row in enumerate(packed):  # a set of their bytes: sorting the rows would take most of a proposal's time
        key = row.tobytes()
        new[c] = key not in seen
        seen.add(key)
    return members[new]


def outlined(graph: RegionGraph, members: np.ndarray, weakest: float) -> np.ndarray:
    """Return the candidates whose outline inside the image is weak to at most the share `weakest`, as objects' are."""
    sums = cut_pairs(graph, members) @ np.stack([graph.lengths, _weak(graph)], axis=1)
    kept: np.ndarray = members[sums[:, 1] <= weakest * sums[:, 0]]
    return kept


def cut_pairs(graph: RegionGraph, members: np.ndarray) -> sparse.csr_array:
    """Return the outlines of candidates, (C,E) with ones: an outline has few of all pairs, so it is sparse."""
    a, b = graph.pairs.T
    places = np.flatnonzero(members[:, a] != members[:, b])  # of the flat array, several times as fast as of two axes
    starts = np.searchsorted(places, np.arange(len(members) + 1) * len(a))
    return sparse.csr_array((np.ones(len(places)), places % max(len(a), 1), starts), shape=(len(members), len(a)))


def sums_inside(graph: RegionGraph, members: np.ndarray, along: np.ndarray, outline: np.ndarray) -> np.ndarray:
    """Return the sums (C,F) over the pairs inside candidates, of values along pairs (E,F), given those of outlines."""
    # Every pair inside counts at both of its regions, a pair that is cut at one.
    at_regions = np.stack(
        [np.bincount(graph.pairs.ravel(), np.repeat(column, 2), graph.count) for column in along.T], axis=1
    )
    inside: np.ndarray = (members.astype(np.float32) @ at_regions.astype(np.float32) - outline) / 2
    return inside


def without_laden(graph: RegionGraph, members: np.ndarray, large: float, cover: float) -> np.ndarray:
    """Return the candidates without large surfaces that carry objects, such as a table with all objects on it.

    A surface is a set of regions connected by weak borders. A candidate of more than `large` pixels is dropped if the
    share of its largest surface is at least 0.55 and below `cover`.
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
    """Return the length (E,) of weak borders, 0 for the others."""
    # The mean of edge and contrast along a border is (edges + contrasts) / (2 lengths).
    weak: np.ndarray = graph.lengths * (graph.edges + graph.contrasts < 2 * WEAK * graph.lengths)
    return weak


def likeness(graph: RegionGraph, members: np.ndarray) -> np.ndarray:
    """Return the likeness of candidates (C,R) to objects: (C,) float32 in 0..1."""
    features = outline_features(graph, members, cut_pairs(graph, members))
    likeness: np.ndarray = np.clip(features @ COEFFICIENTS + INTERCEPT, 0, 1).astype(np.float32)
    return likeness


def outline_features(graph: RegionGraph, members: np.ndarray, cut: sparse.csr_array) -> np.ndarray:
    """Return features (C,9) of candidates and their outlines, given these (`cut_pairs`).

    Mean edge and mean contrast along the outline; its weak share; mean of the cues within; difference of the colours
    and textures inside from those just outside; compactness; share of the outline on the image's border; logarithm of
    the area (1 = all pixels) and its square.
    """
    along = np.stack([graph.lengths, graph.edges, graph.contrasts], axis=1)
    # Sums over pairs are products with the pairs of each candidate's outline.
    outline = cut @ along
    inside = sums_inside(graph, members, along, outline)
    length = np.maximum(outline[:, 0], 1)
    means = graph.histograms / graph.areas[:, None]
    # Histograms of the regions across the outline, weighted by the length of the border.
    a, b = graph.pairs[cut.indices].T
    rows = np.repeat(np.arange(len(members)), np.diff(cut.indptr))
    across = np.where(members[rows, a], b, a)
    borders = sparse.csr_array((graph.lengths[cut.indices], across, cut.indptr), shape=members.shape)
    outside = borders @ means
    areas, frame = members @ graph.areas, members @ graph.frames
    own = members.astype(np.float32) @ graph.histograms.astype(np.float32) / areas[:, None]
    around = outside / length[:, None]
    large = np.log10(areas / graph.areas.sum()) / 4 + 1
    features = (
        outline[:, 1] / length,
        outline[:, 2] / length,
        cut @ _weak(graph) / length,
        (inside[:, 1] + inside[:, 2]) / np.maximum(2 * inside[:, 0], 1),
        ((own - around) ** 2 / (own + around + 1e-4)).sum(1) / 10,
        4 * np.sqrt(areas) / (outline[:, 0] + frame + 1),
        frame / (outline[:, 0] + frame + 1),
        large,
        large**2,
    )
    return np.stack(features, axis=1)


def distinct(graph: RegionGraph, members: np.ndarray, scores: np.ndarray, overlap: float, most: int) -> np.ndarray:
    """Return indices of at most `most` candidates, best first, none with an IoU above `overlap` with a better one."""
    order = np.argsort(-scores, kind="stable")
    # Scaled by the root of the area, so that a product of two rows is the area they share.
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
