"""metrics.jsonl is a log: what cannot be read of it is told and left out, and nothing ends by it."""

from __future__ import annotations

from pathlib import Path

import pytest

from splatseg.run.metrics import append_metrics, read_metrics


def test_lines_come_back_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_metrics(path, {"timing": "votes", "seconds": 1.5})
    append_metrics(path, {"warning": "a\nb\u2028c", "self": 1, "path": Path("x")})
    found = read_metrics(path)
    assert found.troubles == ()
    assert found.rows == (
        {"timing": "votes", "seconds": 1.5},
        {"warning": "a\nb\u2028c", "self": 1, "path": "x"},
    )


def test_without_a_file_there_are_no_lines(tmp_path: Path) -> None:
    assert read_metrics(tmp_path / "metrics.jsonl").rows == ()


def test_a_line_cut_by_a_crash_is_left_out_and_does_not_swallow_the_next(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    append_metrics(path, {"step": 1})
    with path.open("a") as file:
        file.write('{"step": 2, "lo')
    assert read_metrics(path).rows == ({"step": 1},) and read_metrics(path).troubles == ()
    append_metrics(path, {"step": 3})
    assert read_metrics(path).rows == ({"step": 1}, {"step": 3})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (b"5", "line 2: it is 5; an object with names is expected"),
        (b"\xff\xfe", "line 2: it is not text in UTF-8"),
        (b"[" * 100_000, "line 2: .*nested too deeply"),
        (b'{"timing": 3, "seconds": 1}', "line 2: timing is 3; text is expected"),
        (b'{"timing": "votes"}', "line 2: it has no seconds"),
        (b'{"timing": "votes", "seconds": "long"}', "line 2: seconds is 'long'; a number from 0 is expected"),
        (b'{"timing": "votes", "seconds": 1e999}', "line 2: seconds is infinite; a finite number is expected"),
        (b'{"timing": "votes", "seconds": NaN}', "line 2: seconds is not a number"),
        (b'{"timing": "votes", "seconds": true}', "line 2: seconds is true"),
        (b'{"warning": {}}', "line 2: warning is an object; text is expected"),
    ],
)
def test_a_line_that_is_none_is_told_with_its_number_and_left_out(tmp_path: Path, line: bytes, said: str) -> None:
    path = tmp_path / "metrics.jsonl"
    path.write_bytes(b'{"step": 1}\n' + line + b'\n{"step": 3}\n')
    found = read_metrics(path)
    assert found.rows == ({"step": 1}, {"step": 3})
    (trouble,) = found.troubles
    with pytest.raises(AssertionError, match=said):
        raise AssertionError(trouble)
    assert "1 of its 3 lines are left out" in trouble and len(trouble) < 300


def test_a_folder_in_the_place_of_the_file_is_told(tmp_path: Path) -> None:
    assert "left out" in read_metrics(tmp_path).troubles[0]
