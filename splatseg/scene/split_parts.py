"""Parts of a segment: the nodes of the hierarchy it is made of, or else pieces that are apart in space.

Alphabet: N Gaussians; members (n,) indices of a segment's Gaussians; pieces are disjoint index arrays that together
are the members, the largest first.
"""

from __future__ import annotations

import numpy as np

from splatseg.cluster.components import spatial_components
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.splats.splats import Splats

SHARE = 0.02
"""A part holds at least this share of its segment; less is a crumb, and stays with the largest part."""


def pieces_of(members: np.ndarray, splats: Splats, hierarchy: Hierarchy | None) -> list[np.ndarray]:
    """Return the parts of a segment, itself alone if it has none."""
    labels = np.zeros(len(members), dtype=np.int32) if hierarchy is None else _nodes_of(members, hierarchy)
    pieces = _worth_having(members, labels)
    if len(pieces) < 2:
        means, reach = splats.positions, splats.reach
        pieces = _worth_having(members, spatial_components(means[members], reach[members]) + 1)
    return pieces


def _nodes_of(members: np.ndarray, hierarchy: Hierarchy) -> np.ndarray:
    """Return the node (n,) of each member that is its part of the segment, 0 = none.

    The parts are the highest nodes that lie mostly in the segment; if that is one node alone, the two it was merged
    from; and so on further down as long as one of the two is a crumb.
    """
    inside = np.zeros(len(hierarchy.atoms))
    inside[members] = 1.0
    held, sizes = hierarchy.tally(inside), hierarchy.sizes
    within = held > 0.5 * sizes
    within[0] = False
    tops = [int(node) for node in np.flatnonzero(within) if not within[hierarchy.parents[node]]]
    while tops:
        large = [node for node in tops if held[node] >= SHARE * len(members)]
        if len(large) != 1 or large[0] <= hierarchy.count:
            break
        tops = [int(node) for node in hierarchy.merges[large[0] - hierarchy.count - 1]]
    labels = np.zeros(len(hierarchy.atoms), dtype=np.int32)
    for node in tops:
        labels[hierarchy.members(node)] = node
    parts: np.ndarray = labels[members]
    return parts


def _worth_having(members: np.ndarray, labels: np.ndarray) -> list[np.ndarray]:
    """Group the members by label, 0 = none; the largest group takes those without a label and all crumbs."""
    ids, counts = np.unique(labels, return_counts=True)
    large = ids[(ids > 0) & (counts >= SHARE * len(members))]
    if len(large) == 0:
        return [members]
    order = sorted(large.tolist(), key=lambda each: (-int(counts[ids == each][0]), each))
    rest = ~np.isin(labels, order[1:])
    return [members[rest], *(members[labels == each] for each in order[1:])]
