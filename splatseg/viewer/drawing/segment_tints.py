"""Colours of segments in the picture: those of the table, or at another granularity colours derived from them.

A part takes the colour of the segment to which most of it belongs, a group that of its largest segment. All parts of a
segment but the largest are changed in hue and lightness, so that they can be told apart.

Alphabet: N Gaussians; K segments; ids (N,) int32, 0 = none; colours (K,3) 8-bit sRGB.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from splatseg.oklab import oklab_of
from splatseg.scene.table_state import Labeling
from splatseg.segments.palette import segment_color
from splatseg.viewer.drawing.color_maps import turned

if TYPE_CHECKING:
    from splatseg.viewer.workspace.workspace import Workspace

STEPS = ((0.0, 0.0), (0.08, 0.1), (-0.08, -0.1), (0.16, -0.06), (-0.16, 0.08), (0.04, -0.16), (-0.04, 0.16))
"""Turns of hue and changes of lightness for the parts of one segment, the largest part first; repeated if needed."""


def segment_tints(workspace: Workspace, now: Labeling, granularity: float | None, none: float) -> Tensor:
    """Return colours (N,3), 0..1, by segment, grey `none` without one; granularity: a cut other than the table's."""
    canvas, scene = workspace.canvas, workspace.scene
    if granularity is None or scene.hierarchy is None:
        return canvas.kept(f"tints {none}", [now], lambda: _painted(now.ids, _of_table(now), none))
    cut = scene.knowledge(granularity).cut
    assert cut is not None
    # Two sources: the parts depend on the cut, their colours on the table.
    colors = canvas.kept("cut colors", [now, cut], lambda: torch.from_numpy(cut_colors(cut, now)))
    return canvas.kept(f"cut tints {none}", [colors], lambda: _painted(cut, colors.numpy(), none))


def cut_colors(cut: np.ndarray, now: Labeling) -> np.ndarray:
    """Return colours (K + 1, 3) uint8 of the segments 0..K of a cut, from the table's segments they overlap most."""
    width = int(now.ids.max(initial=0)) + 1
    # One number for each pair (segment of the cut, segment of the table), so that one `unique` counts all overlaps.
    pairs, shared = np.unique(cut.astype(np.int64) * width + now.ids, return_counts=True)
    part, of = np.divmod(pairs, width)
    shared = np.where(of > 0, shared, 0)  # id 0 is no segment and lends no colour
    colors = np.zeros((int(cut.max(initial=0)) + 1, 3), dtype=np.uint8)
    parts_of: dict[int, int] = {}
    # In order of overlap: the part with the largest share of a segment gets its unchanged colour.
    for number in np.lexsort((part, -shared)).tolist():
        each, segment_id = int(part[number]), int(of[number])
        if each == 0 or colors[each].any():
            continue
        row = now.rows.get(segment_id)
        turn, lighter = STEPS[parts_of.get(segment_id, 0) % len(STEPS)]
        parts_of[segment_id] = parts_of.get(segment_id, 0) + 1
        known = segment_color(each) if row is None else row.color
        lightness, a, b = oklab_of(np.array(known)).tolist()
        colors[each] = turned((lightness, a, b), turn, lighter)
    return colors


def _of_table(now: Labeling) -> np.ndarray:
    colors = np.zeros((int(now.ids.max(initial=0)) + 1, 3), dtype=np.uint8)
    for row in now.rows.values():
        colors[row.id] = row.color
    return colors


def _painted(ids: np.ndarray, colors: np.ndarray, none: float) -> Tensor:
    table = torch.from_numpy(colors).float() / 255
    table[0] = none
    return table[torch.from_numpy(ids).long()]
