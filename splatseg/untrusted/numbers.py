"""Numbers that files declare, from JSON or YAML: whole ones within limits, and finite ones."""

from __future__ import annotations

import math
import re
from typing import Any


def whole_number(value: Any, low: int, high: int) -> int:
    """Return a value of JSON or YAML as a whole number in low..high; 640.0 and "640" count as 640.

    Raises ValueError for anything else: NaN, 1e999, 2.5, true, null, a list.
    """
    number = value
    in_words = isinstance(value, str) and re.fullmatch(r"\s*[+-]?[0-9]{1,20}\s*", value)
    if in_words or (isinstance(value, float) and value.is_integer()):  # neither NaN nor infinity is an integer
        number = int(value)
    if not isinstance(number, int) or isinstance(number, bool) or not low <= number <= high:
        raise ValueError(f"{str(value)[:40]!r} is not a whole number from {low} to {high}")
    return number


def finite_number(value: Any) -> float:
    """Return a value of JSON or YAML as a number. Raises ValueError for NaN, what float64 cannot hold, true, text."""
    try:
        if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
            return float(value)
    except OverflowError:
        pass  # a whole number of hundreds of digits
    raise ValueError(f"{str(value)[:40]!r} is not a finite number")
