"""Levels of a click: part, thing and group, and what is no level."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import PromptError
from splatseg.select.levels import levels_at, members_of
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes

ATOMS = np.repeat(np.arange(1, 6, dtype=np.int32), [40, 60, 2, 100, 500])
"""1 and 2 are parts of a thing, 3 is a sliver of it; 4 stands with it in a group; 5 is the table, which joins last."""

HIERARCHY = Hierarchy(
    ATOMS,
    np.array([[1, 2], [6, 3], [7, 4], [8, 5]], dtype=np.int32),
    np.array([0.2, 0.25, 0.7, 0.98], dtype=np.float32),
)


def agreement_of(views: list[list[list[int]]]) -> Agreement:
    """Masks of atoms, each in a layer of its own."""
    masks = [(view, layer, mask) for view, of_view in enumerate(views) for layer, mask in enumerate(of_view)]
    weights = sparse.csr_array(np.stack([np.isin(ATOMS, mask) for _, _, mask in masks], axis=1).astype(np.float32))
    count = len(masks)
    view_of, layer_of = (np.array(column, dtype=np.int32) for column in list(zip(*masks, strict=True))[:2])
    ids, areas = np.ones(count, dtype=np.int32), np.full(count, 99, dtype=np.int64)
    names = tuple(f"{view}.png" for view in range(len(views)))
    return Agreement(Votes(weights, view_of, ids, areas, np.full(len(ATOMS), 10.0, np.float32), names, layer_of))


NESTED = [[[1, 2, 3], [1], [1, 2, 3, 4], [5]]] * 3
THING = np.isin(ATOMS, [1, 2, 3])


def test_a_click_has_a_part_a_thing_and_a_group_and_takes_the_thing() -> None:
    levels = levels_at(1, THING, HIERARCHY, agreement_of(NESTED))
    assert levels.nodes == (1, 7, 8)
    assert levels.default == 2
    np.testing.assert_allclose(levels.supports, 1.0, atol=1e-6)
    assert levels.describe(2) == "level 2 of 3 (support 1.00, 1.00, 1.00)"


def test_a_part_that_no_mask_shows_is_no_level_and_neither_is_whatever_touches() -> None:
    # A mask of the thing overlaps its larger half, too, but less.
    assert levels_at(2, THING, HIERARCHY, agreement_of([[[1, 2, 3], [1, 2, 3, 4], [5]]] * 3)).nodes == (7, 8)
    assert levels_at(3, THING, HIERARCHY, agreement_of(NESTED)).nodes == (7, 8)


def test_nodes_that_hardly_differ_are_one_level() -> None:
    assert 6 not in levels_at(1, THING, HIERARCHY, agreement_of(NESTED)).nodes
    assert 6 not in levels_at(1, THING, HIERARCHY, None).nodes


def test_what_lasts_is_a_level_though_its_group_is_better_supported() -> None:
    masks = agreement_of([[[1, 2, 3, 4], [5]]] * 3)  # a mask of the group matches the thing by half
    assert levels_at(1, THING | (ATOMS == 4), HIERARCHY, masks).nodes == (7, 8)
    brief = Hierarchy(ATOMS, HIERARCHY.merges, np.array([0.2, 0.6, 0.7, 0.98], dtype=np.float32))
    assert 7 not in levels_at(3, THING | (ATOMS == 4), brief, masks).nodes


def test_a_level_that_does_not_exist_is_told_with_those_that_do() -> None:
    levels = levels_at(1, THING, HIERARCHY, None)
    for level in (0, 4):
        with pytest.raises(PromptError, match=rf"no level {level} at the click: it has 3, from 1 .* to 3"):
            levels.node(level)


@pytest.mark.parametrize(("granularity", "other"), [(0.5, None), (0.6, 3), (0.3, 1)])
def test_a_doubtful_default_is_said(granularity: float, other: int | None) -> None:
    levels = levels_at(1, THING, HIERARCHY, agreement_of(NESTED), granularity)
    assert levels.default == 2 and levels.other == other
    assert ("hardly decide" in levels.describe(2)) == (other is not None)
    assert "hardly decide" not in levels.describe(3)


def test_a_selection_that_is_no_node_takes_the_level_of_the_granularity() -> None:
    table = ATOMS == 5
    assert levels_at(1, table, HIERARCHY, None, 0.5).default == 2
    assert levels_at(1, table, HIERARCHY, None, 0.1).default == 1


def test_members_of_a_level_follow_its_masks() -> None:
    np.testing.assert_array_equal(members_of(7, HIERARCHY, agreement_of(NESTED)), THING)
    np.testing.assert_array_equal(members_of(7, HIERARCHY, None), THING)
    without_sliver = [[[1, 2], [3, 4, 5]]] * 3
    np.testing.assert_array_equal(members_of(7, HIERARCHY, agreement_of(without_sliver)), np.isin(ATOMS, [1, 2]))


def test_supports_are_those_of_the_chain_that_is_asked_for() -> None:
    agreement, other = agreement_of(NESTED), agreement_of([[[1, 2, 3], [5]]] * 3)
    for atom in (1, 5, 1, 2, 2):
        for votes in (agreement, other):
            levels = levels_at(atom, atom == ATOMS, HIERARCHY, votes)
            anew = [votes.support(HIERARCHY.members(node)) for node in levels.nodes]
            np.testing.assert_allclose(levels.supports, anew, rtol=1e-6)
