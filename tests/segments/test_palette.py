"""A colour for every segment id."""

from __future__ import annotations

import numpy as np

from splatseg.segments.palette import NO_SEGMENT, segment_color


def colors_of(highest_id: int) -> np.ndarray:
    return np.array([segment_color(segment_id) for segment_id in range(1, highest_id + 1)])


def test_no_segment_has_its_own_colour() -> None:
    assert segment_color(0) == segment_color(-1) == NO_SEGMENT


def test_ids_close_to_each_other_look_different() -> None:
    colors = colors_of(60)
    for step in (1, 2, 3, 4, 5):
        assert np.abs(colors[step:] - colors[:-step]).sum(1).min() > 45


def test_colours_are_neither_black_nor_white() -> None:
    luminance = colors_of(300) @ [0.299, 0.587, 0.114]
    assert luminance.min() > 70
    assert luminance.max() < 225
