"""Merge trees and votes by chance, and what they mean pair by pair."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse

from splatseg.borders.superpixels import Borders
from splatseg.masks.propose.view_trees import ViewTrees, trees_of
from splatseg.votes.votes import Votes


def trees_by_chance(rng: np.random.Generator, count: int, trees: int = 2) -> ViewTrees:
    """Trees of superpixels, a row of pixels each."""
    labels = np.repeat(np.arange(count, dtype=np.int32), 3).reshape(count, 3)
    return trees_of(labels, [tree_by_chance(rng, count) for _ in range(trees)])


def tree_by_chance(rng: np.random.Generator, count: int) -> tuple[np.ndarray, np.ndarray]:
    """Merges (R-1,2) of any two nodes that are left, and costs (R-1,), some above 1 and some out of order."""
    left, merges = list(range(count)), []
    for node in range(count, 2 * count - 1):
        a, b = rng.choice(len(left), 2, replace=False)
        merges.append((left[a], left[b]))
        left = [one for one in left if one not in merges[-1]] + [node]
    return np.array(merges, np.int64).reshape(-1, 2), rng.uniform(0, 1.2, count - 1)


def heights_by_pairs(trees: ViewTrees) -> np.ndarray:
    """(T,R,R): the height at which two superpixels join, read off the tree."""
    found = np.zeros((len(trees.merges), trees.count, trees.count))
    for heights, merges, levels in zip(found, trees.merges, trees.heights, strict=True):
        leaves = [[leaf] for leaf in range(trees.count)]
        for (a, b), level in zip(merges.tolist(), levels.tolist(), strict=True):
            heights[np.ix_(leaves[a], leaves[b])] = heights[np.ix_(leaves[b], leaves[a])] = level
            leaves.append(leaves[a] + leaves[b])
    return found


@dataclass
class Trees:
    """Trees of views by name, as `Superpixels` gives them."""

    of_views: dict[str, ViewTrees]

    def trees(self, name: str) -> ViewTrees:
        return self.of_views[name]


def borders_of(tables: list[np.ndarray], trees: list[ViewTrees]) -> Borders:
    """Borders of votes (N,R) of every view; superpixels without any votes have no column, as some have in fact."""
    columns = [np.flatnonzero(table.any(0)) for table in tables]
    weights = np.concatenate([table[:, own] for table, own in zip(tables, columns, strict=True)], axis=1)
    view_of = np.concatenate([np.full(len(own), view) for view, own in enumerate(columns)]).astype(np.int32)
    names = tuple(f"{view}.jpg" for view in range(len(tables)))
    votes = Votes(
        weights=sparse.csr_array(weights.astype(np.float32)),
        view_of=view_of,
        id_of=np.concatenate(columns).astype(np.int32) + 1,
        areas=np.ones(len(view_of), np.int64),
        seen=weights.sum(1).astype(np.float32),
        views=names,
        layer_of=np.zeros(len(view_of), np.int32),
    )
    return Borders(votes, Trees(dict(zip(names, trees, strict=True))))  # type: ignore[arg-type]
