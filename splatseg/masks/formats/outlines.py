"""Outlines that have no holes: a polygon around a table covers what stands on it.

Whoever draws polygons draws the table once around, and each mug by itself. Taken literally, the mask of the table says
that mug and table are one. So what smaller masks inside an outline cover is taken out of it. Where hardly anything
would be left, the outline is that of a group, two mugs that stand together, and stays.

Alphabet: M masks; packed (M,B) uint8, bits as np.packbits gives them.
"""

from __future__ import annotations

import numpy as np

HELD = 0.9
"""Share of a smaller mask inside an outline from which on the outline holds it: edges are drawn twice and differ."""

LEFT = 0.2
"""Least share of an outline that must be left: less is the gaps of a group."""


def without_held(packed: np.ndarray, outlines: np.ndarray) -> np.ndarray:
    """Return masks (M,B) of which the outlines, (M,) bool, have lost what smaller masks inside them cover."""
    areas = np.bitwise_count(packed).sum(1, dtype=np.int64)
    cut = packed.copy()
    for index in np.flatnonzero(outlines):
        smaller = np.flatnonzero((areas < areas[index]) & (areas > 0))
        inside = np.bitwise_count(packed[smaller] & packed[index]).sum(1, dtype=np.int64)
        held = smaller[inside >= HELD * areas[smaller]]
        left = packed[index] & ~np.bitwise_or.reduce(packed[held], axis=0)
        if len(held) and int(np.bitwise_count(left).sum(dtype=np.int64)) >= LEFT * areas[index]:
            cut[index] = left
    return cut
