"""Ids that are carried over: one to one, never given to another thing."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from splatseg.segments.identity import MOSTLY, carried_over, matched_ids

LIMIT = 65_535

labelings = st.integers(1, 60).flatmap(
    lambda count: st.lists(
        st.lists(st.integers(0, 6), min_size=count, max_size=count).map(lambda row: np.array(row, np.int32)),
        min_size=2,
        max_size=5,
    )
)


def iou(one: np.ndarray, other: np.ndarray) -> float:
    return float((one & other).sum() / (one | other).sum())


@given(labelings)
@settings(max_examples=150, deadline=None)
def test_carried_over_ids_are_one_to_one_and_new_ones_were_never_given(rows: list[np.ndarray]) -> None:
    ids, *earlier = rows
    highest = max(int(old.max()) for old in earlier)
    carried = carried_over(ids, earlier, highest, LIMIT)
    new = np.unique(ids[ids > 0])
    assert carried[0] == 0
    assert len(set(carried[new].tolist())) == len(new)
    matches = matched_ids(ids, earlier)
    for new_id in new.tolist():
        if new_id in matches:
            assert carried[new_id] == matches[new_id]
            assert max(iou(ids == new_id, old == matches[new_id]) for old in earlier) > MOSTLY
        else:
            assert carried[new_id] > highest


@given(labelings)
@settings(max_examples=300, deadline=None)
def test_a_segmentation_that_returns_has_all_its_ids_again(rows: list[np.ndarray]) -> None:
    returned = rows[-1]
    shuffled = np.where(returned > 0, 7 - returned, 0)
    carried = carried_over(shuffled, rows, 6, LIMIT)[shuffled]
    # Where two segmentations differ in their ids only, or in what the new one leaves out, the later may be meant.
    there = returned > 0
    assert any(np.array_equal(carried[there], row[there]) for row in rows)


def test_the_larger_part_of_what_was_split_keeps_the_id() -> None:
    old = np.array([4] * 10, np.int32)
    new = np.array([1] * 6 + [2] * 4, np.int32)
    assert carried_over(new, [old], 9, LIMIT).tolist() == [0, 4, 10]


def test_half_is_not_mostly() -> None:
    old, new = np.array([4, 4], np.int32), np.array([1, 2], np.int32)
    assert matched_ids(new, [old]) == {}


def test_of_equal_matches_the_more_recent_segmentation_wins() -> None:
    new, recent, older = (np.array([value] * 4, np.int32) for value in (1, 8, 3))
    assert matched_ids(new, [recent, older]) == {1: 8}
    assert matched_ids(new, [older, recent]) == {1: 3}


def test_a_run_without_segments_before_keeps_the_ids_by_size() -> None:
    ids = np.array([0, 1, 1, 2, 3], np.int32)
    assert carried_over(ids, [], 0, LIMIT).tolist() == [0, 1, 2, 3]


def test_numbers_used_up_are_taken_from_what_nobody_remembers() -> None:
    old, new = np.array([1, 1, 3, 0, 0, 0], np.int32), np.array([5, 5, 2, 1, 4, 3], np.int32)
    # 1 and 3 are carried over; 6 is the last number, then 2 and 4 are free.
    assert carried_over(new, [old], 5, 6).tolist() == [0, 6, 3, 2, 4, 1]


def test_nothing_at_all_has_no_ids() -> None:
    empty = np.zeros(0, np.int32)
    assert carried_over(empty, [empty], 0, LIMIT).tolist() == [0]
