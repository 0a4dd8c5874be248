"""The table of segments, segments.json: a list of id, name, color, count, box, parent, confidence.

Alphabet: id 1, 2, …; color "#rrggbb"; count of Gaussians; box [[x, y, z], [x, y, z]], the lower and upper corner in
world units of the segment's centres without the outermost 1 % on each side (a single floater must not blow it up);
parent the id of the segment this one is part of, or null; confidence in 0..1, how well the masks of all views support
the segment (`lift.confidence`), or null where it is not known; it may be missing, as it was not always written.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from splatseg.errors import RunError
from splatseg.files import write_json
from splatseg.segments.palette import Color, segment_color
from splatseg.splats.splats import Splats

OUTERMOST = 0.01


@dataclass(frozen=True)
class Segment:
    """One row of the table."""

    id: int
    name: str
    color: Color
    count: int
    box: tuple[tuple[float, float, float], tuple[float, float, float]]
    parent: int | None = None
    confidence: float | None = None

    def renamed(self, name: str) -> Segment:
        """The same segment under another name."""
        return dataclasses.replace(self, name=name)

    @property
    def size(self) -> tuple[float, float, float]:
        """Side lengths of the box, world units."""
        (x0, y0, z0), (x1, y1, z1) = self.box
        return x1 - x0, y1 - y0, z1 - z0


def describe_segments(
    splats: Splats,
    names: Mapping[int, str] | None = None,
    parents: Mapping[int, int] | None = None,
    colors: Mapping[int, Color] | None = None,
    confidences: Mapping[int, float] | None = None,
) -> tuple[Segment, ...]:
    """The table of a splat's segments, the largest first. Without a name a segment is called "segment 7", without a
    colour it has that of its id in the palette. All mappings are by id.

    Raises RunError if the splat has no segment ids.
    """
    if splats.segment_ids is None:
        raise RunError("the splat has no segments yet; make them with `splatseg segment RUN`")
    ids = splats.segment_ids.cpu().numpy()
    means = splats.positions.astype(np.float64)
    order = np.argsort(ids, kind="stable")
    unique, starts, counts = np.unique(ids[order], return_index=True, return_counts=True)
    rows = []
    for segment_id, start, count in zip(unique.tolist(), starts.tolist(), counts.tolist(), strict=True):
        if segment_id == 0:
            continue
        name, color = (names or {}).get(segment_id), (colors or {}).get(segment_id)
        parent = (parents or {}).get(segment_id)
        row = describe_segment(means[order[start : start + count]], segment_id, name, color, parent)
        rows.append(dataclasses.replace(row, confidence=(confidences or {}).get(segment_id)))
    return largest_first(rows)


def describe_segment(
    means: np.ndarray,
    segment_id: int,
    name: str | None = None,
    color: Color | None = None,
    parent: int | None = None,
) -> Segment:
    """The row of a segment whose Gaussians have their centres at means (n,3), n >= 1."""
    low, high = np.quantile(means.astype(np.float64), (OUTERMOST, 1 - OUTERMOST), axis=0)
    return Segment(
        id=segment_id,
        name=name or f"segment {segment_id}",
        color=color or segment_color(segment_id),
        count=len(means),
        box=(_corner(low), _corner(high)),
        parent=parent,
    )


def largest_first(rows: Iterable[Segment]) -> tuple[Segment, ...]:
    """Rows in the order of the table."""
    return tuple(sorted(rows, key=lambda row: (-row.count, row.id)))


def described_as(splats: Splats, segments: Sequence[Segment]) -> tuple[Segment, ...]:
    """The table of a splat's segments, with names, colours and parents from another one, where that has them.

    Raises RunError if the splat has no segment ids.
    """
    return describe_segments(
        splats,
        names={segment.id: segment.name for segment in segments},
        parents={segment.id: segment.parent for segment in segments if segment.parent is not None},
        colors={segment.id: segment.color for segment in segments},
    )


def write_segments(path: Path, segments: Sequence[Segment]) -> None:
    """Write segments.json, atomically."""
    write_json(path, segment_rows(segments))


def segment_rows(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """The table as it is written: a dictionary a segment."""
    return [
        {
            "id": segment.id,
            "name": segment.name,
            "color": hex_color(segment.color),
            "count": segment.count,
            "box": segment.box,
            "parent": segment.parent,
            "confidence": None if segment.confidence is None else round(segment.confidence, 4),
        }
        for segment in segments
    ]


def read_segments(path: Path) -> tuple[Segment, ...]:
    """Read segments.json. Raises RunError if it is missing, is not JSON, or a row is not as described above."""
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"there is no {path}; make segments with `splatseg segment RUN`") from None
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path} is not readable as JSON ({error}); mend it, or delete it and run `splatseg segment RUN`"
        ) from None
    return segments_of_rows(path, rows)


def segments_of_rows(path: Path, rows: Any) -> tuple[Segment, ...]:
    """The inverse of `segment_rows`, for what was read from `path`. Raises RunError as `read_segments`."""
    if not isinstance(rows, list):
        raise RunError(f"{path} does not hold a list of segments; mend it, or delete it and run `splatseg segment RUN`")
    return tuple(_segment(path, number, row) for number, row in enumerate(rows, start=1))


def hex_color(color: Color) -> str:
    """(255, 0, 128) as "#ff0080"."""
    return "#" + "".join(f"{channel:02x}" for channel in color)


def _segment(path: Path, number: int, row: Any) -> Segment:
    try:
        if not re.fullmatch("#[0-9a-fA-F]{6}", row["color"]):
            raise ValueError(f"color {row['color']!r} is not #rrggbb")
        red, green, blue = bytes.fromhex(row["color"][1:])
        low, high = row["box"]
        parent, confidence = row.get("parent"), row.get("confidence")
        return Segment(
            id=int(row["id"]),
            name=str(row["name"]),
            color=(red, green, blue),
            count=int(row["count"]),
            box=(_corner(low), _corner(high)),
            parent=None if parent is None else int(parent),
            confidence=None if confidence is None else float(confidence),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"row {number} of {path} is not a segment ({type(error).__name__}: {error}); "
            f"it needs id, name, color, count, box and parent; mend it, or delete the file and run "
            f"`splatseg segment RUN`"
        ) from None


def _corner(values: Sequence[float] | np.ndarray) -> tuple[float, float, float]:
    x, y, z = (float(value) for value in values)
    return x, y, z
