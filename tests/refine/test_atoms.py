"""The hierarchy goes on to hold for a refined splat."""

from __future__ import annotations

import numpy as np
import torch
from scenes import things

from splatseg.refine.atoms import inherited_atoms


def test_a_child_that_came_to_another_segment_takes_the_atom_of_its_new_neighbours():
    splats, thing = things()
    before = splats.replace(segment_ids=torch.tensor(thing).int())
    atoms = (thing + 10).astype(np.int32)
    parent = np.concatenate([np.arange(len(thing)), [0, 1]])
    after = before.subset(torch.tensor(parent))
    ids = after.segment_ids.clone()
    ids[-1] = 2
    found = inherited_atoms(atoms, parent, before, after.replace(segment_ids=ids))
    np.testing.assert_array_equal(found[:-1], atoms[parent[:-1]])
    assert found[-1] == 12 and found.dtype == np.int32


def test_without_a_change_atoms_are_the_parents():
    splats, thing = things()
    before = splats.replace(segment_ids=torch.tensor(thing).int())
    same = inherited_atoms(thing.astype(np.int32), np.arange(len(thing)), before, before)
    np.testing.assert_array_equal(same, thing)


def test_a_segment_that_no_gaussian_stayed_in_leaves_atoms_as_they_were():
    splats, thing = things()
    before = splats.replace(segment_ids=torch.tensor(thing).int())
    after = before.replace(segment_ids=torch.full((len(thing),), 9, dtype=torch.int32))
    np.testing.assert_array_equal(inherited_atoms(thing, np.arange(len(thing)), before, after), thing)


def test_an_atom_that_would_lose_all_keeps_its_own():
    splats, thing = things()
    before = splats.replace(segment_ids=torch.tensor(thing).int())
    atoms = np.where(np.arange(len(thing)) == 0, 9, thing).astype(np.int32)  # an atom of one Gaussian, of segment 1
    ids = before.segment_ids.clone()
    ids[0] = 2
    found = inherited_atoms(atoms, np.arange(len(thing)), before, before.replace(segment_ids=ids))
    np.testing.assert_array_equal(found, atoms)
