"""Settings out of range are told with the name that the user gave."""

from __future__ import annotations

from typing import Any

import pytest

from splatseg.errors import MaskError
from splatseg.masks.propose.settings import ProposeSettings


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"points_per_side": 0}, "--points-per-side must be from 1 to 256, got 0"),
        ({"pred_iou": 88}, "--pred-iou must be from 0 to 1, got 88"),
        ({"stability": -0.1}, "--stability must be from 0 to 1"),
        ({"crops": 9}, "--crops must be from 0 to 4"),
        ({"duplicates": float("nan")}, "--duplicates must be from 0 to 1, got nan"),
        ({"batch": 0}, "--batch must be from 1"),
    ],
)
def test_settings_out_of_range_are_told(given: dict[str, Any], message: str) -> None:
    with pytest.raises(MaskError, match=message):
        ProposeSettings(**given)
