"""Heights at which superpixels join, made ready for pairs and for sums over sets.

The leaves of a tree are put in an order in which every node is a range of places. Between neighbouring places lies a
gap, the height at which the two join; two superpixels then join at the greatest of the gaps between their places:

    h(r, s) = max { gap_p : place(r) <= p < place(s) }        gaps[l, p] = max of gap_p ... gap_(p + 2^l - 1)

so any height is the greater of two numbers. Alphabet: T trees of R superpixels; L levels, 2^L >= R.

Source: a dendrogram's cophenetic distances; range maxima by powers of two (Bender and Farach-Colton 2000).
"""

from __future__ import annotations

import numpy as np

from splatseg.masks.propose.view_trees import ViewTrees


def gaps_of(trees: ViewTrees) -> tuple[np.ndarray, np.ndarray]:
    """Return (places (T,R) int32, gaps (T,L,R) float32) of the trees of a view."""
    levels = max(1, (trees.count - 1).bit_length())
    places = np.empty((len(trees.merges), trees.count), np.int32)
    gaps = np.zeros((len(trees.merges), levels, trees.count), np.float32)
    for tree, (merges, heights) in enumerate(zip(trees.merges, trees.heights, strict=True)):
        order, gap = _in_order(merges, heights)
        places[tree][order] = np.arange(trees.count, dtype=np.int32)
        gaps[tree, 0] = gap
        for level in range(1, levels):
            half, below = 1 << (level - 1), gaps[tree, level - 1]
            gaps[tree, level] = below
            np.maximum(below[:-half], below[half:], out=gaps[tree, level, :-half])
    return places, gaps


def _in_order(merges: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return (superpixels (R,) in order, gap (R,) behind each): every node is a chain of its leaves."""
    count = len(merges) + 1
    first, last = list(range(2 * count - 1)), list(range(2 * count - 1))
    following, behind = [-1] * count, [0.0] * count
    for node, ((a, b), height) in enumerate(zip(merges.tolist(), heights.tolist(), strict=True), start=count):
        following[last[a]], behind[last[a]] = first[b], height
        first[node], last[node] = first[a], last[b]
    order, leaf = [], first[-1]
    while leaf >= 0:
        order.append(leaf)
        leaf = following[leaf]
    return np.array(order, dtype=np.int64), np.array([behind[leaf] for leaf in order], dtype=np.float32)
