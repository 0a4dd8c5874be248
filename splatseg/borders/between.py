"""Probability that two sets of Gaussians are different things, from the merge trees of all views, kept by sums.

    p(A, B) = (h + D) / 2
    h = (heights + 0.2 / 2) / (weights + 1/2)      mean height along the contacts of A and B (`contacts`)
    D = (joins + 1) / (pairs + 4)                  mean height at which any superpixel of A joins any of B

    joins = sum_v sum_rs A_vr h_v(r, s) B_vs       pairs = sum_v sum_rs A_vr B_vs        A_vr: pixels of A in r

h tells of a border between the two, D also of what else each consists of: a leak in a border changes it little. Without
contacts and views, h is 0.2 and D 0.25. All are sums, so those of a union are those of its parts added up.

Alphabet: K atoms, then nodes as they are made; V views; T trees of a view, of which h_v is the mean.
"""

from __future__ import annotations

import numpy as np
from scipy import sparse

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.borders.atoms import ATOMS, atoms_of
from splatseg.borders.contacts import Contacts, contacts_of
from splatseg.borders.superpixels import Borders
from splatseg.votes.products import rows_of

CONTACT_HEIGHT, CONTACT_WEIGHT = 0.2, 0.5
"""Height of a contact that no view sees, and the pixels for which it counts."""

JOIN_HEIGHT, JOIN_WEIGHT = 0.25, 4.0
"""Height at which sets join that no view sees together, and the pairs of pixels for which it counts."""

LEAST = 0.3
"""Pixels of an atom in a superpixel below which they are light that leaks."""


class Between:
    """Nodes 1..K, then K + 1, ... as they are made, and what lies between any two of them."""

    def __init__(self, contacts: Contacts, joins: np.ndarray, pairs: np.ndarray) -> None:
        """Take the contacts of atoms 0..K-1, and their joins and pairs (K,K) float64, which become this object's."""
        self._joins, self._pairs = joins, pairs
        self._slot = {atom + 1: atom for atom in range(len(joins))}
        self._near: dict[int, dict[int, np.ndarray]] = {atom: {} for atom in range(len(joins))}
        sums = np.stack([contacts.heights, contacts.weights], axis=1)
        for (a, b), of_pair in zip(contacts.ends.tolist(), sums, strict=True):
            self._near[a][b] = self._near[b][a] = of_pair
        self.touching: list[tuple[int, int]] = [(a + 1, b + 1) for a, b in contacts.ends.tolist()]
        """Pairs of atoms 1..K that touch, the lower first."""

    def different(self, a: int, b: int) -> float:
        """Return the probability in 0..1 that two nodes that touch are different things."""
        one, other = self._slot[a], self._slot[b]
        height, weight = self._near[one][other]
        h = (height + CONTACT_HEIGHT * CONTACT_WEIGHT) / (weight + CONTACT_WEIGHT)
        d = (self._joins[one, other] + JOIN_HEIGHT * JOIN_WEIGHT) / (self._pairs[one, other] + JOIN_WEIGHT)
        return float(h + d) / 2.0

    def join(self, a: int, b: int, new: int) -> None:
        """Join two nodes to a new one."""
        one, other = self._slot.pop(a), self._slot.pop(b)
        self._slot[new] = one
        for sums in (self._joins, self._pairs):
            sums[one] += sums[other]
            sums[:, one] += sums[:, other]
        for near, of_pair in self._near.pop(other).items():
            del self._near[near][other]
            if near != one:
                known = self._near[one].get(near)
                self._near[one][near] = self._near[near][one] = of_pair if known is None else known + of_pair


def atoms_between(
    borders: Borders, touching: tuple[np.ndarray, np.ndarray], most: int = ATOMS, least: int = 1
) -> tuple[np.ndarray, Between]:
    """Return (the atom (N,) int32 of each Gaussian, 0..K-1, -1 = none; what lies between atoms).

    touching: pairs of Gaussians that touch, rows and cols (E,). least: Gaussians of an atom.

    Raises MaskError for damaged files of trees.
    """
    contacts = contacts_of(borders, touching)
    atoms = atoms_of(contacts, borders.votes.seen, most, least)
    return atoms, Between(contacts.joined(atoms), *joins_of(borders, atoms))


def joins_of(borders: Borders, atoms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return joins and pairs (K,K) float64 of atoms (N,) 0..K-1, -1 = none."""
    count, votes = int(atoms.max(initial=-1)) + 1, borders.votes
    inside = _pixels_of(borders, atoms, count)
    joins, pairs = np.zeros((count, count)), np.zeros((count, count))
    for view, name in enumerate(votes.views):
        columns = np.flatnonzero(votes.view_of == view)
        trees = borders.superpixels.trees(name)
        held = sparse.csr_array(inside[:, columns].T)  # rows are the view's superpixels
        held.sort_indices()
        starts = np.zeros(trees.count + 1, np.int64)
        starts[votes.id_of[columns]] = np.diff(held.indptr)
        arrays = (np.cumsum(starts), held.indices.astype(np.int32), held.data.astype(np.float32))
        of_view = np.zeros((count, count))
        for merges, heights in zip(trees.merges, trees.heights, strict=True):
            _native.add_joins(np.ascontiguousarray(merges), np.ascontiguousarray(heights), *arrays, of_view)
        joins += (of_view + of_view.T) / len(trees.merges)
        total = np.asarray(held.sum(axis=0, dtype=np.float64)).ravel()
        pairs += np.outer(total, total)
    return joins, pairs


def _pixels_of(borders: Borders, atoms: np.ndarray, count: int) -> sparse.csc_array:
    """Return the pixels (K,M) of atoms in superpixels, without what leaks."""
    inside: sparse.csr_array = sparse.csr_array((count, len(borders.votes.view_of)), dtype=np.float64)
    begin = 0
    for rows in rows_of(borders.votes).as_scipy():
        own = atoms[begin : begin + rows.shape[0]]
        known = np.flatnonzero(own >= 0)
        ones = np.ones(len(known))
        gather = sparse.csr_array((ones, (own[known], known)), shape=(count, rows.shape[0]))
        inside = sparse.csr_array(inside + gather @ rows)
        begin += rows.shape[0]
    inside.data[inside.data < LEAST] = 0.0
    inside.eliminate_zeros()
    return sparse.csc_array(inside)
