"""A set of Gaussians in words: the segments it is made of, how many Gaussians, how large; and the table as HTML.

Alphabet: N Gaussians; members (N,) bool.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from splatseg.cards import table
from splatseg.scene.table_state import Labeling
from splatseg.segments.palette import hex_color
from splatseg.segments.segment import Segment, describe_segment
from splatseg.splats.splats import Splats

NAMED = 3
"""Segments that are named one by one; more are counted."""

LISTED = 20
"""Rows of the table that a notebook shows; more are counted."""


def describe_members(splats: Splats, members: np.ndarray, state: Labeling | None) -> str:
    """Describe members by name, count and size: "mug: 12,034 Gaussians, size 1.2 × 0.8 × 0.9 units", along the axes.

    state: the table of segments, None without. The name is that of the segment they are exactly, or those of the
    segments they are made of; else "selection".
    """
    count = int(np.count_nonzero(members))
    if count == 0:
        return "nothing selected"
    own = splats.coordinates.outwards(splats.positions[members])  # of members alone, mostly few
    size = " × ".join(f"{side:.3g}" for side in describe_segment(own, 0).size)
    return f"{name_of_members(members, state) or 'selection'}: {count:,} Gaussians, size {size} units"


def name_of_members(members: np.ndarray, state: Labeling | None) -> str:
    """Return the names of the segments that members are made of, joined by " + "; "" if they are not whole segments."""
    ids = whole_segments(members, state)
    if state is None or not ids:
        return ""
    return " + ".join(state.rows[each].name for each in ids) if len(ids) <= NAMED else f"{len(ids)} segments"


def describe_part(part: np.ndarray, state: Labeling | None) -> str:
    """Describe what a step takes or leaves out: "table + 3 more, 26,495 Gaussians"; "" if it is nothing.

    part (N,) bool. Named is the segment with most Gaussians in it; counted are the others that lie mostly in it.
    """
    count = int(np.count_nonzero(part))
    if count == 0:
        return ""
    figure = f"{count:,} Gaussian{'' if count == 1 else 's'}"
    if state is None:
        return figure
    inside = np.bincount(state.ids[part], minlength=1)
    inside[0] = 0
    if not inside.any():
        return figure
    most = int(inside.argmax())
    mostly = sum(2 * int(inside[each]) > state.rows[each].count for each in np.flatnonzero(inside).tolist())
    whole = 2 * int(inside[most]) > state.rows[most].count
    more = mostly - whole
    named = state.rows[most].name if whole else f"part of {state.rows[most].name}"
    return f"{named}{f' + {more} more' if more else ''}, {figure}"


def whole_segments(members: np.ndarray, state: Labeling | None) -> list[int]:
    """Return the ids of the segments that members are made of, the largest first; [] if they are not whole segments."""
    if state is None or not members.any():
        return []
    counts = np.bincount(state.ids[members])
    ids = np.flatnonzero(counts).tolist()
    if ids[0] == 0 or any(state.rows[each].count != counts[each] for each in ids):
        return []
    return sorted(ids, key=lambda each: (-int(counts[each]), each))


def table_html(rows: Sequence[Segment]) -> str:
    """Return the table of segments as HTML, the first LISTED rows."""
    cells = [[f"<b>{name}</b>" for name in ("", "id", "name", "Gaussians", "size", "confidence")]]
    for row in rows[:LISTED]:
        patch = f'<span style="color:{hex_color(row.color)}">&#9632;</span>'
        size = " × ".join(f"{side:.3g}" for side in row.size)
        sure = "" if row.confidence is None else f"{row.confidence:.2f}"
        cells.append([patch, str(row.id), escape(row.name), f"{row.count:,}", size, sure])
    if len(rows) > LISTED:
        cells.append(["", "", f"and {len(rows) - LISTED} more", "", "", ""])
    return table(cells)
