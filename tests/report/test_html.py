"""Numbers, durations and settings as a reader wants them."""

from __future__ import annotations

import pytest

from splatseg.report.html import bar, duration, flattened, readable


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (0.91234, "0.912"),
        (30.418, "30.42"),
        (412.26, "412.3"),
        (61_204, "61,204"),
        (1234567.8, "1,234,568"),
        (1.6e-4, "1.60e-04"),
        (0.0, "0.000"),
        (True, "yes"),
        (None, "–"),
        (float("nan"), "–"),
        ([1, 2], "1, 2"),
        ((), "–"),
        ("a", "a"),
    ],
)
def test_numbers_are_rounded_for_reading(value: object, expected: str) -> None:
    assert readable(value) == expected


def test_nested_settings_have_dotted_names() -> None:
    assert flattened({"a": {"b": {"c": 1}, "d": 2}, "e": {}}) == {"a.b.c": 1, "a.d": 2, "e": {}}


@pytest.mark.parametrize(
    ("seconds", "expected"), [(0.04, "0.0 s"), (59.9, "59.9 s"), (65, "1 min 05 s"), (7620, "2 h 07 min")]
)
def test_durations_have_the_unit_that_fits(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected


def test_a_bar_stays_between_empty_and_full() -> None:
    assert "--share:1.000" in bar(1.7)
    assert "--share:0.000" in bar(-0.2)
