"""Growing and shrinking along the hierarchy."""

from __future__ import annotations

import numpy as np

from splatseg.cluster.hierarchy import Hierarchy
from splatseg.select.along_hierarchy import Way, grown, nearest_node, shrunk

ATOMS = np.repeat(np.arange(5, dtype=np.int32), [10, 40, 60, 100, 1])
"""Ten Gaussians of none; atoms of 40, 60, 100 and 1; (1, 2) are a thing, a sliver joins it, then all is one."""

HIERARCHY = Hierarchy(
    ATOMS, np.array([[1, 2], [5, 4], [6, 3]], dtype=np.int32), np.array([0.2, 0.3, 0.7], dtype=np.float32)
)


def test_growing_goes_from_the_part_to_the_thing_to_the_group_and_stays_there() -> None:
    thing = grown(ATOMS == 1, HIERARCHY)
    np.testing.assert_array_equal(thing, np.isin(ATOMS, [1, 2]))
    group = grown(thing, HIERARCHY)
    np.testing.assert_array_equal(group, ATOMS > 0)
    np.testing.assert_array_equal(grown(group, HIERARCHY), group)


def test_shrinking_goes_to_the_larger_part_and_stays_at_an_atom() -> None:
    thing = shrunk(ATOMS > 0, HIERARCHY)
    np.testing.assert_array_equal(thing, np.isin(ATOMS, [1, 2, 4]))
    part = shrunk(thing, HIERARCHY)
    np.testing.assert_array_equal(part, ATOMS == 2)
    np.testing.assert_array_equal(shrunk(part, HIERARCHY), part)


def test_a_step_never_loses_what_it_should_keep() -> None:
    rng = np.random.default_rng(0)
    for _ in range(50):
        members = rng.random(len(ATOMS)) < rng.random()
        assert (grown(members, HIERARCHY) >= members).all()
        assert (shrunk(members, HIERARCHY) <= members).all()


def test_a_ragged_selection_is_taken_for_the_node_it_resembles() -> None:
    ragged = np.isin(ATOMS, [1, 2])
    ragged[::7] ^= True
    assert nearest_node(ragged, HIERARCHY) in (5, 6)
    assert nearest_node(np.zeros(len(ATOMS), dtype=bool), HIERARCHY) == 0


def test_growing_and_shrinking_undo_each_other_along_any_way() -> None:
    # A selection that is no node: neither direction alone finds back to it.
    hierarchy = Hierarchy(
        np.repeat(np.arange(1, 9), 10).astype(np.int32),
        np.array([[1, 2], [3, 4], [9, 10], [5, 6], [11, 12], [7, 8], [13, 14]], dtype=np.int32),
        np.linspace(0.2, 0.9, 7, dtype=np.float32),
    )
    own = np.zeros(80, dtype=bool)
    own[3:17] = True
    rng = np.random.default_rng(0)
    for _ in range(20):
        members, way, passed = own, Way(), [own]
        for _ in range(int(rng.integers(1, 5))):
            members, way = way.up(members, hierarchy)
            passed.append(members)
        for expected in passed[-2::-1]:
            if not np.array_equal(members, expected):
                members, way = way.down(members, hierarchy)
            np.testing.assert_array_equal(members, expected)
        smaller, way = way.down(members, hierarchy)
        again, _ = way.up(smaller, hierarchy)
        np.testing.assert_array_equal(again, own)


def test_at_the_top_a_way_stays_and_still_leads_back() -> None:
    hierarchy = Hierarchy(np.array([1, 1, 2, 2], np.int32), np.array([[1, 2]], np.int32), np.array([0.5], np.float32))
    part = np.array([True, False, False, False])
    whole, way = Way().up(part, hierarchy)
    assert whole.all()
    same, still = way.up(whole, hierarchy)
    assert same is whole
    np.testing.assert_array_equal(still.down(same, hierarchy)[0], part)
