"""The table of segments as a file."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from splatseg.errors import RunError
from splatseg.render.overlays import color_image
from splatseg.segments.segment import Segment, describe_segments
from splatseg.segments.segments_json import read_segments, write_segments
from splatseg.splats.splats import Splats


def splats_with(ids: list[int], means: torch.Tensor | None = None) -> Splats:
    count = len(ids)
    return Splats(
        torch.randn(count, 3) if means is None else means,
        torch.ones(count, 4),
        torch.zeros(count, 3),
        torch.zeros(count),
        torch.zeros(count, 3),
        torch.zeros(count, 0, 3),
        segment_ids=torch.tensor(ids, dtype=torch.int32),
    )


def test_the_table_survives_its_file(tmp_path: Path) -> None:
    rows = (
        Segment(3, 'a "quoted" <name> é', (1, 2, 255), 12, ((0.5, -1.0, 2.0), (1.0, 0.0, 3.0)), None),
        Segment(4, "part", (0, 0, 0), 1, ((0.0, 0.0, 0.0), (0.0, 0.0, 0.0)), 3, 0.8125),
    )
    write_segments(tmp_path / "segments.json", rows)
    assert read_segments(tmp_path / "segments.json") == rows
    assert json.loads((tmp_path / "segments.json").read_text())[0]["color"] == "#0102ff"


def test_a_table_written_before_confidence_was_known_has_none(tmp_path: Path) -> None:
    write_segments(tmp_path / "segments.json", describe_segments(splats_with([1, 2]), confidences={1: 0.5}))
    rows = json.loads((tmp_path / "segments.json").read_text())
    assert [row["confidence"] for row in rows] == [0.5, None]
    for row in rows:
        del row["confidence"]
    (tmp_path / "segments.json").write_text(json.dumps(rows))
    assert [row.confidence for row in read_segments(tmp_path / "segments.json")] == [None, None]


def test_a_thousand_segments_of_large_ids_are_listed_and_pictured(tmp_path: Path) -> None:
    ids = [65 * number for number in range(1, 1001)]
    rows = describe_segments(splats_with(ids))
    write_segments(tmp_path / "segments.json", rows)
    assert [row.id for row in read_segments(tmp_path / "segments.json")] == ids
    labels = np.array(ids).reshape(20, 50)
    assert [tuple(color) for color in color_image(labels).reshape(-1, 3)] == [row.color for row in rows]


def test_a_missing_table_says_how_to_make_one(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"there is no .*segments.json; make segments"):
        read_segments(tmp_path / "segments.json")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '[{"id": 1, "name": "a", "color": "#000000", "count": 1, "box": [[0,0,0],[1,1,1]], "confidence": "high"}]',
            "row 1 of .* is not a segment",
        ),
        ("{", "is not readable as JSON"),
        ("{}", "does not hold a list of segments"),
        ('[{"id": 1}]', "row 1 of .* is not a segment"),
        ("[3]", "row 1 of .* is not a segment"),
        (
            '[{"id": 1, "name": "a", "color": "red", "count": 1, "box": [[0,0,0],[1,1,1]], "parent": null}]',
            "color is 'red'; #rrggbb is expected",
        ),
        (
            '[{"id": 1, "name": "a", "color": "#000000", "count": 1, "box": [[0,0],[1,1,1]], "parent": null}]',
            "row 1 of .* is not a segment",
        ),
    ],
)
def test_a_damaged_table_is_one_clear_sentence(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "segments.json").write_text(text)
    with pytest.raises(RunError, match=message):
        read_segments(tmp_path / "segments.json")
