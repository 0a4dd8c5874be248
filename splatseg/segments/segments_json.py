"""The table of segments, segments.json: a list of id, name, color, count, box, parent, confidence.

Alphabet: id 1, 2, …; color "#rrggbb"; count of Gaussians; box [[x, y, z], [x, y, z]], the lower and upper corner of the
segment's centres in the user's own coordinates, without the outermost 1 % on each side; parent the id of the segment
that this one is part of, or null; confidence in 0..1, the support by the masks of all views (`votes.confidence`), or
null if it is not known; older files may lack it.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from splatseg.errors import RunError
from splatseg.files import write_json
from splatseg.segments.palette import hex_color
from splatseg.segments.segment import Corner, Segment
from splatseg.untrusted.documents import DocumentError, Field, read_json

HIGHEST = 2**31 - 1
"""Highest id and count: ids are 32-bit numbers in a splat."""

_AGAIN = "correct it, or delete it and run `splatseg segment RUN`"


def write_segments(path: Path, segments: Sequence[Segment]) -> None:
    """Write segments.json, atomically."""
    write_json(path, segment_rows(segments))


def segment_rows(segments: Sequence[Segment]) -> list[dict[str, Any]]:
    """Return the table as it is written: one dictionary for each segment."""
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
        table = read_json(path)
    except FileNotFoundError:
        raise RunError(f"there is no {path}; make segments with `splatseg segment RUN`") from None
    except DocumentError as error:
        raise RunError(f"{path} is not readable as JSON ({error}); {_AGAIN}") from None
    return segments_of_rows(path, table.value)


def segments_of_rows(path: Path, rows: Any) -> tuple[Segment, ...]:
    """Return the segments of rows read from `path`: the inverse of `segment_rows`.

    Raises RunError as `read_segments`.
    """
    if not isinstance(rows, list):
        raise RunError(f"{path} does not hold a list of segments; {_AGAIN}")
    segments: dict[int, Segment] = {}
    for number, row in enumerate(rows, start=1):
        try:
            segment = _segment(Field(row))
            if segment.id in segments:
                raise DocumentError(f"its id {segment.id} is that of an earlier row")
        except DocumentError as error:
            raise RunError(
                f"row {number} of {path} is not a segment ({error}); "
                f"it needs id, name, color, count, box and parent; {_AGAIN}"
            ) from None
        segments[segment.id] = segment
    return tuple(segments.values())


def _segment(row: Field) -> Segment:
    color = row["color"].text("#[0-9a-fA-F]{6}", "#rrggbb")
    red, green, blue = bytes.fromhex(color[1:])
    corners = row["box"].items("corner")
    if len(corners) != 2:
        raise row["box"].wrong("a list of two corners")
    parent, confidence = row.get("parent"), row.get("confidence")
    return Segment(
        id=row["id"].whole(1, HIGHEST),
        name=row["name"].text(),
        color=(red, green, blue),
        count=row["count"].whole(0, HIGHEST),
        box=(_corner(corners[0]), _corner(corners[1])),
        parent=None if parent is None else parent.whole(1, HIGHEST),
        confidence=None if confidence is None else confidence.number(0, 1),
    )


def _corner(field: Field) -> Corner:
    x, y, z = field.numbers(3)
    return x, y, z
