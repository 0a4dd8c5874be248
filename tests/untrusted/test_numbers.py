"""Numbers that files declare: those that are impossible are a ValueError."""

from __future__ import annotations

import pytest

from splatseg.untrusted.numbers import finite_number, whole_number


@pytest.mark.parametrize("value", [1e999, float("nan"), 2.5, -1, 2**31, True, None, "1e3", "", "9" * 30, [1], {}])
def test_what_is_no_whole_number_within_its_limits_is_told(value: object) -> None:
    with pytest.raises(ValueError, match="is not a whole number from 0 to 2147483647"):
        whole_number(value, 0, 2**31 - 1)


def test_whole_numbers_may_be_written_as_decimals_or_text() -> None:
    assert [whole_number(value, 0, 640) for value in (640, 640.0, "640", " 0 ")] == [640, 640, 640, 0]


@pytest.mark.parametrize("value", [1e999, float("nan"), 10**400, True, None, "1", [1]])
def test_what_is_no_finite_number_is_told(value: object) -> None:
    with pytest.raises(ValueError, match="is not a finite number"):
        finite_number(value)


def test_finite_numbers_are_returned() -> None:
    assert [finite_number(value) for value in (1, -2.5, 10**30)] == [1.0, -2.5, 1e30]
