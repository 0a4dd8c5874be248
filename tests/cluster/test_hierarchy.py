"""The hierarchy: every cut is a partition, coarser ones join segments of finer ones."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splatseg.cluster.hierarchy import Hierarchy, rising
from splatseg.cluster.hierarchy_file import read_hierarchy, write_hierarchy
from splatseg.errors import RunError


def random_hierarchy(seed: int, atoms: int = 9, gaussians: int = 60) -> Hierarchy:
    rng = np.random.default_rng(seed)
    roots, merges = list(range(1, atoms + 1)), []
    while len(roots) > 2:
        a, b = (roots.pop(int(rng.integers(len(roots)))) for _ in range(2))
        merges.append((a, b))
        roots.append(atoms + len(merges))
    of = np.concatenate([np.arange(atoms + 1), rng.integers(0, atoms + 1, gaussians - atoms - 1)])
    table = np.array(merges, dtype=np.int32)
    return Hierarchy(of.astype(np.int32), table, rising(table, rng.uniform(-0.5, 1.5, len(merges)), atoms))


@given(st.integers(0, 10_000), st.floats(-1, 2), st.floats(-1, 2))
def test_a_coarser_cut_only_joins_segments_of_a_finer_one(seed: int, one: float, other: float) -> None:
    hierarchy = random_hierarchy(seed)
    fine, coarse = (hierarchy.cut(granularity) for granularity in sorted((one, other)))
    for node in np.unique(fine):
        assert len(np.unique(coarse[fine == node])) == 1


@given(st.integers(0, 10_000))
def test_levels_never_fall_towards_the_root(seed: int) -> None:
    hierarchy = random_hierarchy(seed)
    for atom in range(1, hierarchy.count + 1):
        levels = [hierarchy.level_of(node) for node in hierarchy.chain(atom)]
        assert levels == sorted(levels)


@given(st.integers(0, 10_000), st.floats(-1, 2))
def test_the_members_of_a_node_are_what_the_cut_gives_it(seed: int, granularity: float) -> None:
    hierarchy = random_hierarchy(seed)
    nodes = hierarchy.cut(granularity)
    for node in np.unique(nodes[nodes > 0]):
        np.testing.assert_array_equal(hierarchy.members(int(node)), nodes == node)


def test_below_all_levels_are_the_atoms_and_above_all_the_roots() -> None:
    hierarchy = random_hierarchy(3)
    np.testing.assert_array_equal(hierarchy.cut(-9.0), hierarchy.atoms)
    top = np.unique(hierarchy.cut(9.0))
    assert not hierarchy.parents[top].any() and len(top) == 3  # two roots, and none


def test_members_are_counted_as_ones_are_summed() -> None:
    hierarchy = random_hierarchy(7)
    members = np.random.default_rng(1).random(len(hierarchy.atoms)) < 0.3
    np.testing.assert_array_equal(hierarchy.tally(members), hierarchy.tally(members.astype(np.float64)))
    np.testing.assert_array_equal(hierarchy.sizes, hierarchy.tally(np.ones(len(members))))


def test_a_tally_of_a_node_is_the_sum_over_its_members() -> None:
    hierarchy = random_hierarchy(5)
    values = np.random.default_rng(0).uniform(size=len(hierarchy.atoms))
    tally = hierarchy.tally(values)
    for node in range(1, len(hierarchy.parents)):
        assert tally[node] == pytest.approx(values[hierarchy.members(node)].sum())


def test_gaussians_of_no_atom_stay_in_none() -> None:
    hierarchy = random_hierarchy(7)
    assert not hierarchy.cut(9.0)[hierarchy.atoms == 0].any()
    assert hierarchy.chain(0) == [] and not hierarchy.members(0).any()


def test_a_merge_of_what_is_not_there_yet_or_twice_is_refused() -> None:
    atoms, level = np.array([1, 2], dtype=np.int32), np.zeros(1, dtype=np.float32)
    with pytest.raises(ValueError, match="before it"):
        Hierarchy(atoms, np.array([[1, 4]], dtype=np.int32), level)
    twice = np.array([[1, 2], [1, 3]], dtype=np.int32)
    with pytest.raises(ValueError, match="only once"):
        Hierarchy(atoms, twice, np.zeros(2, dtype=np.float32))


def test_a_hierarchy_survives_the_disk_and_damage_is_told(tmp_path: Path) -> None:
    hierarchy, path = random_hierarchy(1), tmp_path / "hierarchy.safetensors"
    write_hierarchy(path, hierarchy)
    again = read_hierarchy(path)
    for name in ("atoms", "merges", "levels"):
        np.testing.assert_array_equal(getattr(again, name), getattr(hierarchy, name))
    path.write_bytes(path.read_bytes()[:50])
    with pytest.raises(RunError, match=r"cannot be read .* run `splatseg segment` again"):
        read_hierarchy(path)


@pytest.mark.parametrize("atoms", [[0, 2**31 - 1], [0, -1], [0, 3], [0.0, 1.0]])
def test_atoms_that_no_gaussian_can_have_are_refused(tmp_path: Path, atoms: list[float]) -> None:
    path = tmp_path / "hierarchy.safetensors"
    kind = np.float32 if isinstance(atoms[0], float) else np.int32
    write_hierarchy(path, Hierarchy(np.array(atoms, kind), np.zeros((0, 2), np.int32), np.zeros(0, np.float32)))
    with pytest.raises(RunError, match=r"cannot be read \(atoms .* run `splatseg segment` again"):
        read_hierarchy(path)


@pytest.mark.parametrize("level", [np.nan, np.inf])
def test_levels_that_are_no_numbers_are_refused(tmp_path: Path, level: float) -> None:
    path = tmp_path / "hierarchy.safetensors"
    write_hierarchy(path, Hierarchy(np.array([1, 2], np.int32), np.array([[1, 2]], np.int32), np.float32([level])))
    with pytest.raises(RunError, match="levels must hold finite numbers"):
        read_hierarchy(path)
