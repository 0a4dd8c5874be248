"""Atoms from borders: touching Gaussians merge where no merge tree sees anything between them.

    cost(A, B) = (heights + PRIOR_HEIGHT PRIOR_WEIGHT) / (weights + PRIOR_WEIGHT) * min(mass_A, mass_B)^MASS_EXPONENT

Pairs that are each other's best merge at once, round after round, until `ATOMS` are left. Mass is what all views see,
in pixels. One large Gaussian on a boundary has mass, too, and is no thing: sets of few Gaussians then merge on, at the
same cost, until none is left that touches anything. Gaussians that hardly any view sees, pieces that are apart and of
next to no mass, and crumbs that touch nothing are in no atom.

Alphabet: N Gaussians; K atoms.

Source: Boruvka's rounds; the exponent between single linkage (0) and Ward's (1).
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

from splatseg.borders.contacts import Contacts

ATOMS = 1200
"""Atoms of a scene: more than its parts, few enough to merge by masks [labelled by the true masks, 1,200 have 0.96 to
0.99 of the ceiling by clicks and votes on garden, demo and kitchen]."""

MASS_EXPONENT = 0.3
"""Exponent of the mass of the smaller side [0.2 and 0.4 were tried on tabletop, by what atoms keep of the ceiling, and
lie round it]."""

PRIOR_HEIGHT, PRIOR_WEIGHT = 0.3, 0.5
"""Height of a contact that no view sees, and the pixels for which it counts: little, so that crumbs join something."""

UNSEEN = 3.0
"""Pixels over all views up to which a Gaussian is in no atom."""

SPECK = 2e-4
"""Share of the scene's mass up to which a piece that is apart is in no atom."""


def atoms_of(contacts: Contacts, mass: np.ndarray, most: int = ATOMS, least: int = 1) -> np.ndarray:
    """Return the atom (N,) int32 of each Gaussian, 0..K-1, -1 = none, from their contacts and mass (N,).

    least: Gaussians of an atom; fewer are a crumb.
    """
    count = len(mass)
    good = mass > UNSEEN
    ends = contacts.ends[good[contacts.ends].all(1)]
    links = sparse.coo_array((np.ones(len(ends)), ends.T), shape=(count, count))
    piece = sparse.csgraph.connected_components(links, directed=False)[1]
    good &= np.bincount(piece, mass * good)[piece] > SPECK * float(mass.sum(dtype=np.float64))
    names: np.ndarray = np.where(good, np.cumsum(good) - 1, -1)
    sizes: np.ndarray = mass[good].astype(np.float64)
    counts = np.ones(len(sizes), np.int64)
    left, crumbs = contacts.joined(names), False
    while True:
        crumbs |= len(sizes) <= most or not len(left.ends)
        some = left.where((counts < least)[left.ends].any(1)) if crumbs else left
        if not len(some.ends):
            break
        to = _best_pairs(some, sizes, len(sizes) if crumbs else len(sizes) - most)
        kept, new = np.unique(to, return_inverse=True)
        sizes, counts = np.bincount(new, sizes, len(kept)), np.bincount(new, counts, len(kept)).astype(np.int64)
        names = np.where(names >= 0, new[names], -1)
        left = left.joined(new)
    whole = np.append(counts >= least, False)  # the last stands for none
    names = np.where(whole, np.cumsum(whole) - 1, -1)[names]
    return names.astype(np.int32)


def _best_pairs(contacts: Contacts, sizes: np.ndarray, most: int) -> np.ndarray:
    """Return what each of n sets of `sizes` (n,) becomes when at most `most` mutually best pairs merge."""
    low, high = contacts.ends.T
    height = (contacts.heights + PRIOR_HEIGHT * PRIOR_WEIGHT) / (contacts.weights + PRIOR_WEIGHT)
    cost = height * np.maximum(np.minimum(sizes[low], sizes[high]), 1e-3) ** MASS_EXPONENT
    best, paid = np.full(len(sizes), -1), np.full(len(sizes), np.inf)
    # Of numbers written to one place the last one stays: here the cheapest, of equal ones that of the lowest numbers.
    order = np.argsort(cost, kind="stable")[::-1]
    ends = contacts.ends[order]
    best[ends.ravel()] = ends[:, ::-1].ravel()
    paid[ends.ravel()] = np.repeat(cost[order], 2)
    mutual = np.flatnonzero(best >= 0)
    mutual = mutual[(best[best[mutual]] == mutual) & (mutual < best[mutual])]
    mutual = mutual[np.argsort(paid[mutual], kind="stable")[:most]]
    to = np.arange(len(sizes))
    to[best[mutual]] = mutual
    return to
