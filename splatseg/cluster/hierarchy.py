"""The hierarchy of segments, from parts to wholes to groups; one number, the granularity, selects a cut of it.

Leaves are atoms: sets of Gaussians that are never taken apart. A merge joins two nodes at a level, the granularity from
which on they count as one: 0 leaves the parts, 1/2 gives what the masks of most views show as one thing, 1 groups.
Levels rise towards the roots, so every cut is a partition and a coarser one only joins segments of a finer one.

    node 1..A is an atom, node A + 1 + r is merge r        cut(g): the topmost nodes of level <= g; atoms have none

Alphabet: N Gaussians; A atoms; R merges (R,2) of nodes, R < A; a node is a whole number, 0 = none.

Source: a dendrogram; levels that rise by taking the least of all ancestors are the pruning sequence of CART (Breiman et
al. 1984, chapter 3.3) read from the top; levels that rise in the mean are isotonic regression on a tree (Pardalos and
Xue 1999).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from splatseg.arrays import check_shapes
from splatseg.cluster.labels import looked_up


@dataclass(frozen=True, eq=False)
class Hierarchy:
    """Atoms and the merges above them.

    Example:
        >>> hierarchy = scene.hierarchy
        >>> parts, groups = hierarchy.cut(0.0), hierarchy.cut(1.0)
        >>> len(set(parts)) >= len(set(groups))
        True
    """

    atoms: np.ndarray
    """(N,) int32 in 0..A, 0 = none."""
    merges: np.ndarray
    """(R,2) int32, each of two earlier nodes."""
    levels: np.ndarray
    """(R,) float32, rising towards the roots."""

    def __post_init__(self) -> None:
        check_shapes(atoms=(self.atoms, "N"), merges=(self.merges, "R 2"), levels=(self.levels, "R"))
        own = np.arange(len(self.merges)) + self.count + 1
        if not ((self.merges >= 1) & (self.merges < own[:, None])).all():
            raise ValueError("a merge must join two nodes that exist before it")
        if len(np.unique(self.merges)) != self.merges.size:
            raise ValueError("a node can be merged only once")

    @cached_property
    def count(self) -> int:
        """Number of atoms, A."""
        return int(self.atoms.max(initial=0))

    @cached_property
    def parents(self) -> np.ndarray:
        """(A + R + 1,) int32: the node above each node, 0 for roots and for none."""
        parents = np.zeros(self.count + len(self.merges) + 1, dtype=np.int32)
        parents[self.merges] = (np.arange(len(self.merges), dtype=np.int32) + self.count + 1)[:, None]
        return parents

    def cut(self, granularity: float) -> np.ndarray:
        """Return the node (N,) int32 of each Gaussian at a granularity: the topmost one of level <= granularity."""
        chosen = np.arange(len(self.parents), dtype=np.int32)
        chosen[self.count + 1 :][self.levels > granularity] = 0
        # From the last merge to the first, that is from the roots down: parts take the chosen node above them, if any.
        for merge in range(len(self.merges) - 1, -1, -1):
            above = chosen[self.count + 1 + merge]
            if above:
                chosen[self.merges[merge]] = above
        return looked_up(chosen, self.atoms)

    @cached_property
    def sizes(self) -> np.ndarray:
        """(A + R + 1,) float64: the number of Gaussians under every node; [0] is that of no atom."""
        return self._summed(np.bincount(self.atoms, minlength=self.count + 1))

    def tally(self, values: np.ndarray) -> np.ndarray:
        """Return (A + R + 1,) float64: values (N,) summed under every node; [0] sums the Gaussians of no atom."""
        if values.dtype == np.bool_:  # counts: of members alone, mostly few
            return self._summed(np.bincount(self.atoms[values], minlength=self.count + 1))
        return self._summed(np.bincount(self.atoms, weights=values, minlength=self.count + 1))

    def _summed(self, of_atoms: np.ndarray) -> np.ndarray:
        """Return (A + R + 1,) float64: sums (A + 1,) of the atoms, added up along the merges."""
        sums = np.zeros(len(self.parents))
        sums[: self.count + 1] = of_atoms
        for merge, (left, right) in enumerate(self.merges):
            sums[self.count + 1 + merge] = sums[left] + sums[right]
        return sums

    def members(self, node: int) -> np.ndarray:
        """Return (N,) bool: the Gaussians under a node."""
        members: np.ndarray = self.atoms_under(node)[self.atoms]
        return members

    def atoms_under(self, node: int) -> np.ndarray:
        """Return (A + 1,) bool: the atoms under a node; [0] is no atom."""
        below = np.zeros(len(self.parents), dtype=bool)
        below[node] = node > 0
        for merge in range(len(self.merges) - 1, -1, -1):
            if below[self.count + 1 + merge]:
                below[self.merges[merge]] = True
        atoms: np.ndarray = below[: self.count + 1]
        return atoms

    def chain(self, node: int) -> list[int]:
        """Return a node and all nodes above it, from the lowest to its root; empty for none."""
        nodes = []
        while node:
            nodes.append(node)
            node = int(self.parents[node])
        return nodes

    def level_of(self, node: int) -> float:
        """Return the granularity from which on a node is one segment; minus infinity for atoms, which always are."""
        return float(self.levels[node - self.count - 1]) if node > self.count else -np.inf


def rising(merges: np.ndarray, levels: np.ndarray, count: int) -> np.ndarray:
    """Return levels (R,) of merges (R,2) of `count` atoms, lowered so that none exceeds that of a merge above it."""
    risen = np.asarray(levels, dtype=np.float32).copy()
    for merge in range(len(merges) - 1, -1, -1):  # from the roots down
        for node in merges[merge]:
            if node > count:
                risen[node - count - 1] = min(risen[node - count - 1], risen[merge])
    return risen


def pooled(merges: np.ndarray, fits: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Return fits (R,) of merges (R,2) of `count` atoms, changed as little as makes them fall towards the roots.

    Where a merge fits better than one below it, both get their weighted mean, and so on: the least squares under this
    order. weights (R,), not negative. `rising` believes the merge near the root instead.
    """
    blocks: dict[int, _Block] = {}  # by their topmost merge
    for merge in range(len(merges)):  # from the leaves up
        below = [blocks[node - count - 1] for node in merges[merge].tolist() if node > count]
        own = _Block(float(fits[merge]), max(float(weights[merge]), 1e-9), [merge], below)
        while own.below:
            least = min(own.below, key=lambda block: block.mean)
            if least.mean >= own.mean:
                break
            own = own.with_block(least)
            del blocks[least.merges[0]]
        blocks[merge] = own
    pooled_fits = np.zeros(len(merges))
    for block in blocks.values():
        pooled_fits[block.merges] = block.mean
    return pooled_fits


@dataclass(frozen=True, eq=False)
class _Block:
    """Merges that share one fit; the topmost comes first."""

    mean: float
    weight: float
    merges: list[int]
    below: list[_Block]

    def with_block(self, other: _Block) -> _Block:
        weight = self.weight + other.weight
        mean = (self.mean * self.weight + other.mean * other.weight) / weight
        rest = [block for block in self.below if block is not other]
        return _Block(mean, weight, self.merges + other.merges, rest + other.below)
