"""Strokes as a page sends them, and what is refused of what anybody may send."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from splatseg.errors import PromptError
from splatseg.viewer.page.strokes import MOST_POINTS, place_of, stroke_of


def test_a_stroke_is_read_as_it_was_sent() -> None:
    stroke = stroke_of("brush:add:0.0333:0.1000,0.2000 0.3000,0.4000")
    assert (stroke.tool, stroke.how, stroke.radius) == ("brush", "add", 0.0333)
    np.testing.assert_array_equal(stroke.points, [[0.1, 0.2], [0.3, 0.4]])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "brush",
        "eraser:add:0.1:0.1,0.2",
        "brush:replace:0.1:0.1,0.2",
        "brush:add:wide:0.1,0.2",
        "brush:add:nan:0.1,0.2",
        "brush:add:0.1:0.1",
        "brush:add:0.1:0.1,inf",
        "brush:add:0.1:0.1,1e9",
        "brush:add:0.1:" + " ".join(["0.1,0.1"] * (MOST_POINTS + 1)),
    ],
)
def test_what_is_no_stroke_is_told(text: str) -> None:
    with pytest.raises(PromptError, match="that stroke did not arrive whole; draw it again"):
        stroke_of(text)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reading_of_a_place(text: str) -> None:
    place = place_of(text)
    assert place is None or all(-1.0 <= each <= 2.0 for each in place)
