"""The hierarchy of segments, from parts to wholes to groups, with one number that says where to look at it.

Leaves are atoms: sets of Gaussians that are never taken apart. A merge joins two nodes at a level, the granularity from
which on they count as one: 0 leaves the parts, 1/2 gives what the masks of most views show as one thing, 1 groups.
Levels rise towards the roots, so every cut is a partition and a coarser one only joins segments of a finer one.

    node 1..A is an atom, node A + 1 + r is merge r        cut(g): the topmost nodes of level <= g; atoms have none

Alphabet: N Gaussians; A atoms; R merges, R < A; a node is a whole number, 0 = none.

Source: a dendrogram; levels that rise by taking the least of all ancestors are the pruning sequence of CART (Breiman
et al. 1984, chapter 3.3) read from the top.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from splatseg.arrays import check_shapes


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """atoms (N,) int32 in 0..A, 0 = none; merges (R,2) int32, each of two earlier nodes; levels (R,) float32 rising.

    Example:
        >>> hierarchy = scene.hierarchy
        >>> parts, groups = hierarchy.cut(0.0), hierarchy.cut(1.0)
        >>> len(set(parts)) >= len(set(groups))
        True
    """

    atoms: np.ndarray
    merges: np.ndarray
    levels: np.ndarray

    def __post_init__(self) -> None:
        check_shapes(atoms=(self.atoms, "N"), merges=(self.merges, "R 2"), levels=(self.levels, "R"))
        own = np.arange(len(self.merges)) + self.count + 1
        if not ((self.merges >= 1) & (self.merges < own[:, None])).all():
            raise ValueError("a merge must join two nodes that are there before it")
        if len(np.unique(self.merges)) != self.merges.size:
            raise ValueError("a node can be merged only once")

    @cached_property
    def count(self) -> int:
        """A."""
        return int(self.atoms.max(initial=0))

    @cached_property
    def parents(self) -> np.ndarray:
        """(A + R + 1,) int32: the node above each node, 0 for roots and for none."""
        parents = np.zeros(self.count + len(self.merges) + 1, dtype=np.int32)
        parents[self.merges] = (np.arange(len(self.merges), dtype=np.int32) + self.count + 1)[:, None]
        return parents

    def cut(self, granularity: float) -> np.ndarray:
        """The node (N,) int32 each Gaussian belongs to at a granularity: the topmost of level <= granularity."""
        chosen = np.arange(len(self.parents), dtype=np.int32)
        chosen[self.count + 1 :][self.levels > granularity] = 0
        # From the last merge to the first, which is from the roots down: parts take what is above them, if it counts.
        for merge in range(len(self.merges) - 1, -1, -1):
            above = chosen[self.count + 1 + merge]
            if above:
                chosen[self.merges[merge]] = above
        node_of: np.ndarray = chosen[self.atoms]
        return node_of

    def tally(self, values: np.ndarray) -> np.ndarray:
        """(A + R + 1,) float64: values (N,) summed under every node; [0] holds those of no atom."""
        sums = np.zeros(len(self.parents))
        sums[: self.count + 1] = np.bincount(self.atoms, weights=values, minlength=self.count + 1)
        for merge, (left, right) in enumerate(self.merges):
            sums[self.count + 1 + merge] = sums[left] + sums[right]
        return sums

    def members(self, node: int) -> np.ndarray:
        """(N,) bool: the Gaussians under a node."""
        below = np.zeros(len(self.parents), dtype=bool)
        below[node] = node > 0
        for merge in range(len(self.merges) - 1, -1, -1):
            if below[self.count + 1 + merge]:
                below[self.merges[merge]] = True
        members: np.ndarray = below[: self.count + 1][self.atoms]
        return members

    def chain(self, node: int) -> list[int]:
        """A node and all above it, from the lowest to its root; empty for none."""
        nodes = []
        while node:
            nodes.append(node)
            node = int(self.parents[node])
        return nodes

    def level_of(self, node: int) -> float:
        """The granularity from which on a node is one; minus infinity for atoms, which always are."""
        return float(self.levels[node - self.count - 1]) if node > self.count else -np.inf


def rising(merges: np.ndarray, levels: np.ndarray, count: int) -> np.ndarray:
    """Levels (R,) of merges (R,2) of `count` atoms such that none is above that of a merge it is part of."""
    risen = np.asarray(levels, dtype=np.float32).copy()
    for merge in range(len(merges) - 1, -1, -1):  # from the roots down
        for node in merges[merge]:
            if node > count:
                risen[node - count - 1] = min(risen[node - count - 1], risen[merge])
    return risen
