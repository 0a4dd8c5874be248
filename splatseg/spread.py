"""A few of many, evenly spread from the first to the last: neighbours among views and cameras look alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

import numpy as np

Item = TypeVar("Item")


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most `most` of the items, evenly spread, in their order; all of them if there are no more."""
    places = np.linspace(0, len(items) - 1, min(most, len(items))).round().astype(int)
    return [items[place] for place in np.unique(places)]
