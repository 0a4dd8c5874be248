"""Progress is told after each item, never before it is done."""

from __future__ import annotations

from pathlib import Path

import pytest

from splatseg.progress import Stage, counted, read_stage, write_stage


def test_an_item_is_counted_when_it_is_done_with() -> None:
    told: list[object] = []
    for item in counted("ab", lambda done, total: told.append((done, total))):
        told.append(item)
    assert told == ["a", (1, 2), "b", (2, 2)]


def test_an_item_that_was_not_finished_is_not_counted() -> None:
    told: list[int] = []
    for item in counted((1, 2, 3), lambda done, total: told.append(done)):
        if item == 2:
            break
    assert told == [1]


def test_nobody_has_to_listen() -> None:
    assert list(counted({"a": 1, "b": 2}.items(), None)) == [("a", 1), ("b", 2)]


def test_a_stage_is_read_as_it_was_written(tmp_path: Path) -> None:
    for stage in (
        Stage("fitting", 100, 300, 65.4, {"PSNR": "20.1", "gaussians": 4000.0}),
        Stage("reading", 0, 0),
    ):
        write_stage(tmp_path / "now", stage)
        assert read_stage(tmp_path / "now") == stage and [path.name for path in tmp_path.iterdir()] == ["now"]


@pytest.mark.parametrize(
    "text", ["", "{", '{"name": "a"}', '{"name": "a", "done": -1, "total": 2, "facts": {}}', '{"step": 3, "psnr": 1}']
)
def test_a_stage_that_cannot_be_read_was_not_told(tmp_path: Path, text: str) -> None:
    (tmp_path / "now").write_text(text)
    assert read_stage(tmp_path / "now") is None and read_stage(tmp_path / "none") is None


def test_a_stage_that_cannot_be_written_stops_no_work(tmp_path: Path) -> None:
    write_stage(tmp_path / "gone" / "now", Stage("fitting", 1, 2))
    assert list(tmp_path.iterdir()) == []
