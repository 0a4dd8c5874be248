"""Gaussians of segments, by id."""

from __future__ import annotations

import pytest
import torch

from splatseg.errors import PromptError, RunError
from splatseg.segments.members import ids_of_segments, members_of_segments
from splatseg.splats.splats import Splats


def splats_of(ids: list[int]) -> Splats:
    count = len(ids)
    zeros = torch.zeros(count, 3)
    return Splats(
        zeros,
        torch.eye(4)[:1].repeat(count, 1),
        zeros,
        torch.zeros(count),
        zeros,
        torch.zeros(count, 0, 3),
        segment_ids=torch.tensor(ids, dtype=torch.int32),
    )


def test_members_are_the_gaussians_of_any_of_the_ids() -> None:
    splats = splats_of([1, 2, 3, 0, 1])
    assert members_of_segments(splats, [1, 3, 1]).tolist() == [True, False, True, False, True]
    assert members_of_segments(splats, []).tolist() == [False] * 5


def test_ids_are_each_once_and_in_order_and_all_if_none_are_asked_for() -> None:
    splats = splats_of([1, 7, 3, 0, 1])
    assert ids_of_segments(splats, [7, 1, 7]) == [1, 7]
    assert ids_of_segments(splats) == [1, 3, 7]


def test_an_unknown_segment_names_those_there_are() -> None:
    with pytest.raises(PromptError, match="there is no segment 0, 9; the segments are 1-3"):
        members_of_segments(splats_of([1, 2, 3, 0, 1]), [9, 0, 2])


def test_a_splat_without_segments_says_how_to_make_them() -> None:
    with pytest.raises(RunError, match="make them with `splatseg segment RUN`"):
        members_of_segments(splats_of([1, 2, 3, 0, 1]).replace(segment_ids=None), [1])
