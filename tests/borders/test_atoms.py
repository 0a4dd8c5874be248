"""Atoms end at borders."""

from __future__ import annotations

import numpy as np

from splatseg.borders.atoms import atoms_of
from splatseg.borders.contacts import Contacts


def row(heights: list[float]) -> Contacts:
    """Gaussians in a row, and the mean height of each contact."""
    ends = np.stack([np.arange(len(heights)), np.arange(1, len(heights) + 1)], axis=1).astype(np.int32)
    return Contacts(ends, 10 * np.array(heights), np.full(len(heights), 10.0))


def test_the_last_contacts_that_are_left_are_the_highest() -> None:
    heights = [0.1] * 9 + [0.9] + [0.1] * 9 + [0.8] + [0.1] * 9
    atoms = atoms_of(row(heights), np.full(30, 20.0), most=3)
    assert atoms.tolist() == [0] * 10 + [1] * 10 + [2] * 10


def test_no_more_are_merged_than_it_takes() -> None:
    for most in (1, 2, 7, 19, 20, 50):
        atoms = atoms_of(row([0.3] * 19), np.full(20, 20.0), most)
        assert len(np.unique(atoms)) == min(most, 20) and atoms.min() == 0


def test_what_hardly_any_view_sees_is_in_no_atom_and_joins_nothing() -> None:
    mass = np.array([20.0] * 5 + [1.0] + [20.0] * 5)
    atoms = atoms_of(row([0.0] * 10), mass, most=1)
    assert atoms.tolist() == [0] * 5 + [-1] + [1] * 5


def test_a_speck_apart_is_in_no_atom() -> None:
    contacts = row([0.1] * 18 + [0.1])
    apart = Contacts(np.delete(contacts.ends, 17, 0), np.delete(contacts.heights, 17), np.delete(contacts.weights, 17))
    mass = np.array([1e5] * 18 + [4.0] * 2)
    assert atoms_of(apart, mass, most=1).tolist() == [0] * 18 + [-1] * 2


def test_crumbs_merge_before_large_parts_of_the_same_border() -> None:
    mass = np.array([1e4, 1e4, 10.0, 1e4])
    assert atoms_of(row([0.5, 0.5, 0.6]), mass, most=3).tolist() == [0, 1, 1, 2]


def test_a_crumb_joins_what_the_lowest_border_parts_it_from() -> None:
    heights = [0.1] * 4 + [0.6, 0.4] + [0.1] * 4
    large = np.where(np.arange(11) == 5, 1e6, 20.0)  # too much is seen of it to merge by itself
    assert atoms_of(row(heights), large, most=3).tolist() == [0] * 5 + [1] + [2] * 5
    assert atoms_of(row(heights), large, most=3, least=2).tolist() == [0] * 5 + [1] * 6


def test_crumbs_that_touch_nothing_are_in_no_atom() -> None:
    contacts = row([0.1] * 9)
    apart = contacts.where(np.arange(9) != 6)
    mass = np.full(10, 20.0)
    assert atoms_of(apart, mass, most=1, least=4).tolist() == [0] * 7 + [-1] * 3
    assert atoms_of(apart, mass, most=1, least=11).tolist() == [-1] * 10


def test_no_gaussian_seen_is_no_atom() -> None:
    assert atoms_of(row([0.1]), np.zeros(2), most=5).tolist() == [-1, -1]
