"""Ids are numbered as NumPy's own search for what is unique does it, whichever way is taken."""

from __future__ import annotations

import numpy as np
import pytest

from splatseg.render.occurring import MOST_COUNTED, occurring


@pytest.mark.parametrize("highest", [0, 9, MOST_COUNTED, MOST_COUNTED + 1, 2**31 - 1])
@pytest.mark.parametrize("lowest", [0, -3])
def test_ids_and_places_are_those_of_unique_values(highest: int, lowest: int) -> None:
    values = np.array([[7, lowest, highest], [highest, 7, 7]], np.int32)
    ids, place = occurring(values)
    assert ids.tolist() == sorted({7, lowest, highest})
    assert place.dtype == np.int32 and np.array_equal(ids[place], values)


def test_nothing_has_no_ids() -> None:
    ids, place = occurring(np.zeros((0, 4), np.int32))
    assert len(ids) == 0 and place.shape == (0, 4)
