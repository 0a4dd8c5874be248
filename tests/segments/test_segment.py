"""Segments as rows of a table."""

from __future__ import annotations

import pytest
import torch

from splatseg.errors import RunError
from splatseg.segments.palette import segment_color
from splatseg.segments.segment import describe_segments
from splatseg.splats.splats import Splats


def splats_with(ids: list[int], means: torch.Tensor | None = None) -> Splats:
    count = len(ids)
    return Splats(
        torch.randn(count, 3) if means is None else means,
        torch.ones(count, 4),
        torch.zeros(count, 3),
        torch.zeros(count),
        torch.zeros(count, 3),
        torch.zeros(count, 0, 3),
        segment_ids=torch.tensor(ids, dtype=torch.int32),
    )


def test_segments_are_listed_the_largest_first_without_none() -> None:
    rows = describe_segments(splats_with([0, 0, 0, 0, 7, 2, 2, 7, 2, 9]), names={2: "mug"}, parents={7: 2})
    assert [(row.id, row.count, row.name, row.parent) for row in rows] == [
        (2, 3, "mug", None),
        (7, 2, "segment 7", 2),
        (9, 1, "segment 9", None),
    ]
    assert rows[0].color == segment_color(2)
    colored = describe_segments(splats_with([7, 2]), colors={2: (0, 0, 0)})
    assert {row.id: row.color for row in colored} == {2: (0, 0, 0), 7: segment_color(7)}


def test_a_floater_does_not_blow_up_the_box() -> None:
    means = torch.rand(500, 3)
    means[0] = 1e6
    (row,) = describe_segments(splats_with([1] * 500, means))
    assert max(row.size) < 1.01
    assert min(row.size) > 0.9


def test_a_splat_without_any_segment_has_an_empty_table() -> None:
    assert describe_segments(splats_with([0, 0])) == ()
    assert describe_segments(splats_with([])) == ()


def test_a_splat_without_segments_says_how_to_make_them() -> None:
    with pytest.raises(RunError, match="make them with `splatseg segment RUN`"):
        describe_segments(splats_with([1]).replace(segment_ids=None))
