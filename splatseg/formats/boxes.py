"""Boxes around the segments as JSON, for uses without the splat: planning, labelling, a table of sizes.

    {"axes": "...", "boxes": [{"id", "name", "color", "count", "low", "high", "oriented": {"center", "axes", "size"}}]}

Alphabet: low, high the corners of the axis-aligned box of `segments.segments_json` (world units, by quantiles:
`splats.box`); oriented the box along the principal axes of the Gaussians in that box: center (3), axes three unit
vectors, the longest spread first, right-handed, size (3) along them, without what is far out and then without the
outermost 1 % on each side. A corner of the oriented box is center +- size_0/2 axes_0 +- size_1/2 axes_1 +- size_2/2
axes_2. No mesh is made.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from splatseg.files import write_json
from splatseg.segments.palette import hex_color
from splatseg.segments.segment import Segment, described_as
from splatseg.splats.box import OUTERMOST, far_out, quantile_box
from splatseg.splats.splats import Splats

AXES = "those of the capture: for most +x right, +y down, +z forward"


def write_boxes(path: Path, splats: Splats, segments: Sequence[Segment] = ()) -> None:
    """Write the boxes of a splat's segments, the largest first, atomically. Raises RunError if it has no segments."""
    table = described_as(splats, segments)
    assert splats.segment_ids is not None
    ids = splats.segment_ids.cpu().numpy()
    means = splats.own_positions
    order = np.argsort(ids, kind="stable")
    unique, starts = np.unique(ids[order], return_index=True)
    members = dict(zip(unique.tolist(), np.split(order, starts[1:]), strict=True))
    write_json(path, {"axes": AXES, "boxes": [_box(row, means[members[row.id]]) for row in table]})


def oriented_box(points: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return center (3,), axes (3,3) in rows, and size (3,) of the box along the principal axes of points (P,3), P > 0.

    The axes are those of the points in the box by quantiles; what is far out (`splats.box`) does not count. The largest
    component of an axis is positive, except for the third axis, which makes them right-handed.
    """
    low, high = quantile_box(points)
    inside = points[((points >= low) & (points <= high)).all(1)]
    inside = inside if len(inside) >= 3 else points
    offsets = inside - inside.mean(0)
    _, vectors = np.linalg.eigh(offsets.T @ offsets)
    # `eigh` sorts by rising spread, in columns: reversed rows put the longest spread first.
    axes = vectors.T[::-1].copy()
    largest = np.abs(axes).argmax(1)
    axes *= np.sign(axes[np.arange(3), largest])[:, None]
    axes[2] = np.cross(axes[0], axes[1])
    first, last = np.quantile(points[~far_out(points)] @ axes.T, (OUTERMOST, 1 - OUTERMOST), axis=0)
    return (first + last) / 2 @ axes, axes, last - first


def _box(row: Segment, points: np.ndarray) -> dict[str, Any]:
    center, axes, size = oriented_box(points)
    return {
        "id": row.id,
        "name": row.name,
        "color": hex_color(row.color),
        "count": row.count,
        "parent": row.parent,
        "low": row.box[0],
        "high": row.box[1],
        "oriented": {"center": center.tolist(), "axes": axes.tolist(), "size": size.tolist()},
    }
