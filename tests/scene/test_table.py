"""The table of segments: edits keep what they do not concern, can be undone to the bit, and no id means two things."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from viewer_scenes import carrying, scene

from splatseg.errors import PromptError
from splatseg.scene.table import SegmentTable
from splatseg.segments.segment import describe_segments


def table(hierarchy: bool = True) -> tuple[SegmentTable, np.ndarray]:
    made, thing = scene()
    found = made.table
    assert found is not None
    if hierarchy:
        from viewer_scenes import halves

        found._hierarchy = halves(thing)
    return found, thing


def state(of: SegmentTable) -> tuple[bytes, dict]:
    return of.ids.tobytes(), {row.id: row for row in of.rows()}


def test_names_and_colours_are_given() -> None:
    found, _ = table()
    found.rename(2, "  the   mug ")
    found.recolor(2, (1, 2, 3))
    assert (found.row(2).name, found.row(2).color) == ("the mug", (1, 2, 3))
    with pytest.raises(PromptError, match="needs a name"):
        found.rename(2, "  ")
    with pytest.raises(PromptError, match="a colour is"):
        found.recolor(2, (1, 2, 300))
    with pytest.raises(PromptError, match="no segment 8 any more"):
        found.rename(8, "x")


def test_rows_are_what_the_segments_are_after_any_edit() -> None:
    found, thing = table()
    splats, _ = carrying()
    found.merge([1, 3])
    found.create(np.arange(len(thing)) % 5 == 0, "every fifth")
    found.split(2)
    found.delete(2)
    expected = describe_segments(splats.replace(segment_ids=torch.from_numpy(found.ids)))
    assert {(row.id, row.count, row.box) for row in found.rows()} == {(r.id, r.count, r.box) for r in expected}
    assert [row.count for row in found.rows()] == sorted((row.count for row in expected), reverse=True)


def test_merging_keeps_id_name_and_colour_of_the_largest() -> None:
    found, thing = table()
    found.create((thing == 3) & (np.arange(len(thing)) % 2 == 0))
    found.rename(2, "mug")
    color = found.row(2).color
    assert found.merge([3, 2]) == 2
    assert (found.row(2).name, found.row(2).color, found.row(2).count) == ("mug", color, 60)
    with pytest.raises(PromptError, match="two segments or more"):
        found.merge([2, 2])


def test_every_edit_undone_leaves_the_table_as_it_was_to_the_bit() -> None:
    found, thing = table()
    found.rename(1, "left")
    states = [state(found)]
    for edit in (
        lambda: found.merge([1, 2]),
        lambda: found.create(thing == 2, "again"),
        lambda: found.split(3),
        lambda: found.delete(1),
        lambda: found.recolor(3, (9, 9, 9)),
    ):
        edit()
        states.append(state(found))
    for before in states[-2::-1]:
        assert found.can_undo
        found.undo()
        assert state(found) == before
    for after in states[1:]:
        found.redo()
        assert state(found) == after
    assert not found.can_redo and found.redo() == ""


def test_an_edit_leaves_the_ids_of_before_as_they_were() -> None:
    found, _ = table()
    before, copy = found.ids, found.ids.copy()
    found.merge([1, 2])
    found.undo()
    np.testing.assert_array_equal(before, copy)


def test_an_id_is_never_given_twice() -> None:
    found, thing = table()
    given = {1, 2, 3}
    for _ in range(3):
        new = found.create(thing == 1)
        assert new not in given
        given.add(new)
        found.undo()
    found.delete(new) if new in found.now.rows else found.delete(3)
    assert found.create(thing == 3) not in given


def test_splitting_goes_along_the_hierarchy() -> None:
    found, thing = table()
    parts = found.split(1)
    assert parts == [1, 4] and found.row(4).name == "segment 1 part 2"
    assert [(found.ids == part).sum() for part in parts] == [20, 20]
    np.testing.assert_array_equal(np.isin(found.ids, parts), thing == 1)


def test_what_was_merged_splits_into_what_it_was_merged_of() -> None:
    found, thing = table()
    merged = found.merge([1, 2])
    parts = found.split(merged)
    assert {frozenset(np.flatnonzero(found.ids == part)) for part in parts} == {
        frozenset(np.flatnonzero(thing == label)) for label in (1, 2)
    }


def test_without_a_hierarchy_pieces_apart_in_space_are_parts() -> None:
    found, thing = table(hierarchy=False)
    found._hierarchy = None
    found.merge([1, 2])
    parts = found.split(1)
    assert {frozenset(np.flatnonzero(found.ids == part)) for part in parts} == {
        frozenset(np.flatnonzero(thing == label)) for label in (1, 2)
    }
    before = state(found)
    with pytest.raises(PromptError, match=r"'segment 1' has no parts .* and is in one piece"):
        found.split(1)
    assert state(found) == before


def test_a_deleted_segment_leaves_its_gaussians_without_one() -> None:
    found, thing = table()
    found.delete(2)
    assert (found.ids[thing == 2] == 0).all() and [row.id for row in found.rows()] == [1, 3]


def test_a_segment_is_made_of_others_and_named() -> None:
    found, thing = table()
    half = np.arange(len(thing)) % 2 == 0
    new = found.create(half, "even")
    assert found.row(new).name == "even" and found.row(1).count == 20
    assert found.row(new).color not in {found.row(each).color for each in (1, 2, 3)}
    assert found.row(found.create(~half)).name == "segment 5"
    assert [row.id for row in found.rows()] == [4, 5]
    with pytest.raises(PromptError, match="nothing to make a segment of"):
        found.create(np.zeros(len(thing), dtype=bool))


def test_listeners_hear_of_every_change_until_they_leave() -> None:
    found, _ = table()
    heard = []
    leave = found.listen(lambda: heard.append(found.rows()))
    found.rename(1, "a")
    found.undo()
    assert len(heard) == 2
    leave()
    leave()
    found.redo()
    assert len(heard) == 2
