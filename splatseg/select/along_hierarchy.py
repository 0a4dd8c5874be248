"""Growing and shrinking a selection along the hierarchy of segments: from a part to the whole, to the group, and back.

A step goes from the node that is most like the selection to the next one, up or down, that differs from it by more than
a sliver. The way that was gone is remembered (`Way`): a step back gives exactly the selection that it came from, so
growing and shrinking undo each other.

Alphabet: N Gaussians; members (N,) bool; a node of the hierarchy is a whole number, 0 = none.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.cluster.hierarchy import Hierarchy

SLIVER = 0.05
"""Nodes whose sizes differ by less than this share of the larger are one step."""


@dataclass(frozen=True, eq=False)
class Way:
    """The selections on both sides of the present one, as bits from `np.packbits`; empty before the first step."""

    smaller: tuple[np.ndarray, ...] = ()
    """Those it has grown from, the nearest last."""
    larger: tuple[np.ndarray, ...] = ()
    """Those it has been shrunk from, the nearest first."""

    def up(self, members: np.ndarray, hierarchy: Hierarchy) -> tuple[np.ndarray, Way]:
        """Return the next larger selection (N,) bool and the way from there; both unchanged if there is none."""
        if self.larger:
            larger, further = _unpacked(self.larger[0], members), self.larger[1:]
        else:
            larger, further = grown(members, hierarchy), ()
        if np.array_equal(larger, members):
            return members, self
        return larger, Way((*self.smaller, np.packbits(members)), further)

    def down(self, members: np.ndarray, hierarchy: Hierarchy) -> tuple[np.ndarray, Way]:
        """Return the next smaller selection (N,) bool and the way from there; both unchanged if there is none."""
        if self.smaller:
            smaller, further = _unpacked(self.smaller[-1], members), self.smaller[:-1]
        else:
            smaller, further = shrunk(members, hierarchy), ()
        if np.array_equal(smaller, members):
            return members, self
        return smaller, Way(further, (np.packbits(members), *self.larger))


def nearest_node(members: np.ndarray, hierarchy: Hierarchy) -> int:
    """Return the node whose Gaussians have the greatest IoU with members (N,); 0 for an empty selection."""
    check_shapes(members=(members, "N"), atoms=(hierarchy.atoms, "N"))
    shared, sizes = hierarchy.tally(members), hierarchy.sizes
    overlap = shared / np.maximum(sizes + members.sum() - shared, 1.0)
    overlap[0] = 0.0
    return int(overlap.argmax()) if overlap.any() else 0


def grown(members: np.ndarray, hierarchy: Hierarchy) -> np.ndarray:
    """Return the selection (N,) bool with the next larger node around it; unchanged if there is none."""
    sizes = hierarchy.sizes
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
    sizes = hierarchy.sizes
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


def _unpacked(bits: np.ndarray, like: np.ndarray) -> np.ndarray:
    return np.unpackbits(bits, count=len(like)).view(bool)
