"""What is selected, in words."""

from __future__ import annotations

import numpy as np

from splatseg.scene.scene import Scene
from splatseg.scene.table_state import Labeling
from splatseg.segments.table_file import describe_segment
from splatseg.viewer.workspace.history import Bits

NAMED = 3
"""Segments that are named one by one; more are counted."""


def describe(scene: Scene, members: Bits) -> str:
    """Name, count and size of a selection, "mug: 12,034 Gaussians, 1.2 x 0.8 x 0.9" in world units along the axes.

    The name is that of the segment it is exactly, or those of the segments it is made of; else "selection".
    """
    if members.count == 0:
        return "nothing selected"
    means = scene.splats.positions
    size = " x ".join(f"{side:.3g}" for side in describe_segment(means[members.array], 0).size)
    return f"{_name(scene, members)}: {members.count:,} Gaussians, {size}"


def whole_segments(now: Labeling, members: Bits) -> list[int] | None:
    """The ids of the segments that a selection is made of, the largest first; None if it is not whole segments."""
    if members.count == 0:
        return None
    counts = np.bincount(now.ids[members.array])
    ids = np.flatnonzero(counts).tolist()
    if ids[0] == 0 or any(now.rows[each].count != counts[each] for each in ids):
        return None
    return sorted(ids, key=lambda each: (-int(counts[each]), each))


def _name(scene: Scene, members: Bits) -> str:
    if scene.table is None:
        return "selection"
    now = scene.table.now
    ids = whole_segments(now, members)
    if ids is None:
        return "selection"
    return " + ".join(now.rows[each].name for each in ids) if len(ids) <= NAMED else f"{len(ids)} segments"
