"""The table of segments, segments.json: a list of id, name, color, count, box, parent, confidence.

Alphabet: id 1, 2, …; color "#rrggbb"; count of Gaussians; box [[x, y, z], [x, y, z]], the lower and upper corner in
world units of the segment's centres without the outermost 1 % on each side; parent the id of the segment that this one
is part of, or null; confidence in 0..1, the support by the masks of all views (`votes.confidence`), or null if it is
not known; older files may lack it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from splatseg.errors import RunError
from splatseg.files import write_json
from splatseg.segments.palette import hex_color
from splatseg.segments.segment import Segment, corner_of


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
        rows = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RunError(f"there is no {path}; make segments with `splatseg segment RUN`") from None
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path} is not readable as JSON ({error}); correct it, or delete it and run `splatseg segment RUN`"
        ) from None
    return segments_of_rows(path, rows)


def segments_of_rows(path: Path, rows: Any) -> tuple[Segment, ...]:
    """Return the segments of rows read from `path`: the inverse of `segment_rows`.

    Raises RunError as `read_segments`.
    """
    if not isinstance(rows, list):
        raise RunError(
            f"{path} does not hold a list of segments; correct it, or delete it and run `splatseg segment RUN`"
        )
    return tuple(_segment(path, number, row) for number, row in enumerate(rows, start=1))


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
            box=(corner_of(low), corner_of(high)),
            parent=None if parent is None else int(parent),
            confidence=None if confidence is None else float(confidence),
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise RunError(
            f"row {number} of {path} is not a segment ({type(error).__name__}: {error}); "
            f"it needs id, name, color, count, box and parent; correct it, or delete the file and run "
            f"`splatseg segment RUN`"
        ) from None
