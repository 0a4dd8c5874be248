"""Segments as rows of a table, made from the Gaussians of a splat, the largest first.

Alphabet: N Gaussians, n of one segment; ids 1, 2, ..., 0 = none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from splatseg.errors import RunError
from splatseg.segments.palette import Color, segment_color
from splatseg.splats.box import quantile_box

if TYPE_CHECKING:
    from splatseg.splats.splats import Splats

Corner = tuple[float, float, float]
"""x, y, z in world units."""


@dataclass(frozen=True)
class Segment:
    """One row of the table of segments.

    Example:
        >>> row = scene.segments[1]
        >>> row.renamed("mug").name, row.count > 0
        ('mug', True)
    """

    id: int
    """Segment id: 1, 2, ..."""

    name: str
    """Name given by a user, else "segment 7"."""

    color: Color
    """Colour in pictures, coloured label maps and the viewer."""

    count: int
    """Number of Gaussians."""

    box: tuple[Corner, Corner]
    """Lower and upper corner of its centres, in the user's own coordinates, by quantiles (`splats.box`)."""

    parent: int | None = None
    """Id of the segment that this one is part of, or None."""

    confidence: float | None = None
    """Support by the masks of all views (`votes.confidence`), 0..1; None if it is not known."""

    def renamed(self, name: str) -> Segment:
        """Return the same segment under another name."""
        return dataclasses.replace(self, name=name)

    @property
    def size(self) -> tuple[float, float, float]:
        """Side lengths of the box, in units of the user's own coordinates."""
        (x0, y0, z0), (x1, y1, z1) = self.box
        return x1 - x0, y1 - y0, z1 - z0


def describe_segments(
    splats: Splats,
    names: Mapping[int, str] | None = None,
    parents: Mapping[int, int] | None = None,
    colors: Mapping[int, Color] | None = None,
    confidences: Mapping[int, float] | None = None,
) -> tuple[Segment, ...]:
    """Return the table of a splat's segments, the largest first.

    A segment without a name is called "segment 7", one without a colour has that of its id in the palette. All mappings
    are by id.

    Raises RunError if the splat has no segment ids.
    """
    if splats.segment_ids is None:
        raise RunError("the splat has no segments yet; make them with `splatseg segment RUN`")
    ids = splats.segment_ids.cpu().numpy()
    means, outwards = splats.positions, splats.coordinates.outwards
    # Gaussians sorted by id: those of one segment are a slice of `order`.
    order = np.argsort(ids, kind="stable")
    unique, starts, counts = np.unique(ids[order], return_index=True, return_counts=True)
    rows = []
    for segment_id, start, count in zip(unique.tolist(), starts.tolist(), counts.tolist(), strict=True):
        if segment_id == 0:
            continue
        name, color = (names or {}).get(segment_id), (colors or {}).get(segment_id)
        parent = (parents or {}).get(segment_id)
        row = describe_segment(outwards(means[order[start : start + count]]), segment_id, name, color, parent)
        rows.append(dataclasses.replace(row, confidence=(confidences or {}).get(segment_id)))
    return largest_first(rows)


def describe_segment(
    means: np.ndarray,
    segment_id: int,
    name: str | None = None,
    color: Color | None = None,
    parent: int | None = None,
) -> Segment:
    """Return the row of a segment whose Gaussians have their centres at means (n,3), own coordinates, n >= 1."""
    low, high = quantile_box(means)
    return Segment(
        id=segment_id,
        name=name or f"segment {segment_id}",
        color=color or segment_color(segment_id),
        count=len(means),
        box=(corner_of(low), corner_of(high)),
        parent=parent,
    )


def largest_first(rows: Iterable[Segment]) -> tuple[Segment, ...]:
    """Return rows in the order of the table: by number of Gaussians, then by id."""
    return tuple(sorted(rows, key=lambda row: (-row.count, row.id)))


def described_as(splats: Splats, segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """Return the table of a splat's segments, with names, colours and parents from another table if it has them.

    Raises RunError if the splat has no segment ids.
    """
    return describe_segments(
        splats,
        names={segment.id: segment.name for segment in segments},
        parents={segment.id: segment.parent for segment in segments if segment.parent is not None},
        colors={segment.id: segment.color for segment in segments},
    )


def corner_of(values: Sequence[float] | np.ndarray) -> Corner:
    """Return three numbers as a corner of a box. Raises ValueError or TypeError for anything else."""
    x, y, z = (float(value) for value in values)
    return x, y, z
