"""Masks of many views that show one thing are one group; what few views say has little standing."""

from __future__ import annotations

import numpy as np
import pytest
from scenes import MaskedThings, broken_masks, masked_things, nested_masks, whole_masks

from splatseg.features.contrast import consensus as module
from splatseg.features.contrast.consensus import Consensus, find_consensus
from splatseg.votes.votes import Votes, collect_votes


def found_in(scene: MaskedThings) -> tuple[Votes, Consensus]:
    votes = collect_votes(scene.splats, scene.views, scene)  # type: ignore[arg-type]
    return votes, find_consensus(votes)


def main_thing(votes: Votes, scene: MaskedThings) -> np.ndarray:
    """(M,) the thing most of a mask is of."""
    return np.array([np.bincount(scene.label, column).argmax() for column in votes.weights.toarray().T])


def test_whole_masks_are_one_group_a_thing_and_the_groups_are_apart():
    scene = masked_things(whole_masks)
    votes, consensus = found_in(scene)
    assert consensus.groups == 3
    thing = main_thing(votes, scene)
    assert len({(t, g) for t, g in zip(thing, consensus.group_of, strict=True) if g >= 0}) == 3
    assert (consensus.group_of >= 0).mean() > 0.9
    np.testing.assert_array_equal(consensus.related, np.eye(3, dtype=bool))
    np.testing.assert_allclose(consensus.standing, 1.0)


def test_parts_and_mergers_of_few_views_have_no_standing_beside_the_wholes():
    scene = masked_things(broken_masks, views=16)
    _, consensus = found_in(scene)
    assert (consensus.standing > 0.5).sum() == 3
    strong = np.flatnonzero(consensus.standing > 0.5)
    for weak in np.flatnonzero(consensus.standing <= 0.5):
        assert consensus.standing[weak] < 0.2 and consensus.related[weak, strong].any()


def test_parts_that_all_views_show_beside_the_whole_stand_and_are_related_to_it_but_not_to_each_other():
    scene = masked_things(nested_masks)
    votes, consensus = found_in(scene)
    assert (consensus.standing > 0.3).all()
    groups = range(consensus.groups)
    things = [set(main_thing(votes, scene)[consensus.group_of == group]) for group in groups]
    assert all(len(thing) == 1 for thing in things)
    areas = np.array([votes.areas[consensus.group_of == group].mean() for group in groups])
    for thing in (1, 2, 3):
        levels = [group for group in groups if things[group] == {thing}]
        whole, *parts = sorted(levels, key=lambda group: -areas[group])
        assert len(parts) >= 2
        assert consensus.related[whole, parts].all() and consensus.related[parts, whole].all()
        np.testing.assert_array_equal(consensus.related[np.ix_(parts, parts)], np.eye(len(parts), dtype=bool))
        assert not consensus.related[np.ix_(levels, [group for group in groups if group not in levels])].any()


def test_masks_that_nothing_agrees_with_are_in_no_group():
    # A strip over several things, in one view.
    def masks_of(index: int, parts: np.ndarray) -> list[np.ndarray]:
        strip = (parts > 0) & (np.arange(48)[:, None] % 12 < 4)
        return [*whole_masks(index, parts), strip] if index == 2 else whole_masks(index, parts)

    scene = masked_things(masks_of)
    votes, consensus = found_in(scene)
    of_strip = (votes.view_of == 2) & (votes.id_of == votes.id_of[votes.view_of == 2].max())
    assert consensus.group_of[of_strip] == -1 and consensus.agreement[of_strip] == 0
    assert consensus.groups == 3


def test_one_view_alone_is_believed():
    scene = masked_things(lambda i, parts: whole_masks(i, parts) if i == 0 else [])
    _, consensus = found_in(scene)
    assert consensus.groups >= 2 and (consensus.standing == 1).all()


def test_without_a_group_all_is_empty():
    # Two views that share nothing.
    scene = masked_things(lambda i, parts: [parts % 3 == i + 1] if i < 2 else [])
    votes, consensus = found_in(scene)
    assert len(consensus.group_of) == votes.weights.shape[1]
    assert consensus.related.shape == (consensus.groups, consensus.groups)


@pytest.mark.parametrize("most", [120, 10**6])
def test_a_part_of_the_gaussians_gives_the_same_groups_and_the_same_bits_twice(monkeypatch, most):
    scene = masked_things(whole_masks)
    monkeypatch.setattr(module, "MOST_GAUSSIANS", most)
    first, second = found_in(scene)[1], found_in(scene)[1]
    assert first.groups == 3
    for name in ("group_of", "agreement", "standing", "related"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
