"""What lies between sets is additive, and the same as pair by pair."""

from __future__ import annotations

import numpy as np
import pytest
from trees_by_chance import borders_of, heights_by_pairs, trees_by_chance

from splatseg.borders.between import Between, joins_of
from splatseg.borders.contacts import Contacts, contacts_of
from splatseg.borders.superpixels import Borders


def by_chance(seed: int = 0) -> tuple[Borders, list[np.ndarray], np.ndarray]:
    """Borders of 40 Gaussians in three views, their votes by view, and one of 8 atoms or none for each."""
    rng = np.random.default_rng(seed)
    trees = [trees_by_chance(rng, count) for count in (9, 14, 1)]
    tables = [np.where(rng.uniform(size=(40, t.count)) < 0.3, rng.uniform(0.4, 4, (40, t.count)), 0) for t in trees]
    return borders_of(tables, trees), tables, np.concatenate([np.arange(8), rng.integers(-1, 8, 32)]).astype(np.int32)


def test_sums_over_the_trees_are_those_over_all_pairs_of_superpixels() -> None:
    borders, tables, atoms = by_chance()
    joins, pairs = joins_of(borders, atoms)
    wanted, of_pairs = np.zeros((8, 8)), np.zeros((8, 8))
    for view, table in enumerate(tables):
        inside = np.stack([table[atoms == atom].sum(0) for atom in range(8)])
        wanted += inside @ heights_by_pairs(borders.superpixels.trees(f"{view}.jpg")).mean(0) @ inside.T
        of_pairs += np.outer(inside.sum(1), inside.sum(1))
    np.testing.assert_allclose(joins, wanted, rtol=1e-5)
    np.testing.assert_allclose(pairs, of_pairs, rtol=1e-5)


def test_a_union_is_as_different_from_others_as_if_it_had_been_one_atom() -> None:
    borders, _, atoms = by_chance(1)
    rng = np.random.default_rng(2)
    rows, cols = rng.integers(0, 40, (2, 400)).astype(np.int32)
    contacts = contacts_of(borders, (rows[rows != cols], cols[rows != cols]))
    parts = Between(contacts.joined(atoms), *joins_of(borders, atoms))
    parts.join(1, 3, 9)
    parts.join(9, 6, 10)
    one = np.where(np.isin(atoms, [0, 2, 5]), 0, atoms).astype(np.int32)
    whole = Between(contacts.joined(one), *joins_of(borders, one))
    for other in (2, 4, 5, 7, 8):
        assert parts.different(10, other) == pytest.approx(whole.different(1, other), rel=1e-5)


def test_more_of_a_border_makes_two_sets_more_different() -> None:
    ends, pairs = np.array([[0, 1], [1, 2]], np.int32), np.full((3, 3), 100.0)
    joins = np.array([[0.0, 10.0, 90.0], [10.0, 0.0, 90.0], [90.0, 90.0, 0.0]])
    between = Between(Contacts(ends, np.array([1.0, 9.0]), np.array([10.0, 10.0])), joins, pairs)
    assert between.touching == [(1, 2), (2, 3)]
    assert 0 < between.different(1, 2) < 0.2
    assert 0.8 < between.different(2, 3) < 1


def test_sets_that_no_view_sees_follow_the_prior() -> None:
    nothing = Contacts(np.array([[0, 1]], np.int32), np.zeros(1), np.zeros(1))
    assert Between(nothing, np.zeros((2, 2)), np.zeros((2, 2))).different(1, 2) == pytest.approx(0.225)
