"""A colour for every segment id."""

from __future__ import annotations

import numpy as np

from splatseg.output.palette import NO_SEGMENT, palette, segment_color


def test_the_colour_of_an_id_does_not_depend_on_how_many_there_are() -> None:
    assert tuple(palette(7)[7]) == tuple(palette(500)[7]) == segment_color(7)


def test_no_segment_has_its_own_colour() -> None:
    assert tuple(palette(3)[0]) == NO_SEGMENT == segment_color(0)


def test_ids_close_to_each_other_look_different() -> None:
    colors = palette(60)[1:].astype(int)
    for step in (1, 2, 3, 4, 5):
        assert np.abs(colors[step:] - colors[:-step]).sum(1).min() > 45


def test_colours_are_neither_black_nor_white() -> None:
    luminance = palette(300)[1:] @ [0.299, 0.587, 0.114]
    assert luminance.min() > 70
    assert luminance.max() < 225
