"""Growing and shrinking a selection along the hierarchy of segments: from a part to the whole, to the group, and back.

A step goes from the node that is most like the selection to the next one, up or down, that differs from it by more than
a sliver.

Alphabet: N Gaussians; members (N,) bool; a node of the hierarchy is a whole number, 0 = none.
"""

from __future__ import annotations

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.cluster.hierarchy import Hierarchy

SLIVER = 0.05
"""Nodes whose sizes differ by less than this share of the larger are one step."""


def nearest_node(members: np.ndarray, hierarchy: Hierarchy) -> int:
    """Return the node whose Gaussians have the greatest IoU with members (N,); 0 for an empty selection."""
    check_shapes(members=(members, "N"), atoms=(hierarchy.atoms, "N"))
    shared, sizes = hierarchy.tally(members), hierarchy.tally(np.ones(len(members)))
    overlap = shared / np.maximum(sizes + members.sum() - shared, 1.0)
    overlap[0] = 0.0
    return int(overlap.argmax()) if overlap.any() else 0


def grown(members: np.ndarray, hierarchy: Hierarchy) -> np.ndarray:
    """Return the selection (N,) bool with the next larger node around it; unchanged if there is none."""
    sizes = hierarchy.tally(np.ones(len(members)))
    node = nearest_node(members, hierarchy)
    for above in hierarchy.chain(node)[1:]:
        if sizes[node] < (1.0 - SLIVER) * sizes[above]:
            larger: np.ndarray = members | hierarchy.members(above)
            return larger
    return members


def shrunk(members: np.ndarray, hierarchy: Hierarchy) -> np.ndarray:
    """Return the part of the selection (N,) bool in the next smaller node; unchanged if the selection is an atom.

    Of the two sides of a node, the smaller node is the one that shares more with the selection.
    """
    sizes = hierarchy.tally(np.ones(len(members)))
    shared = hierarchy.tally(members)
    node = nearest_node(members, hierarchy)
    below = node
    while below > hierarchy.count:
        left, right = hierarchy.merges[below - hierarchy.count - 1].tolist()
        below = left if shared[left] >= shared[right] else right
        if sizes[below] < (1.0 - SLIVER) * sizes[node]:
            common: np.ndarray = members & hierarchy.members(below)
            return common if common.any() else members
    return members
