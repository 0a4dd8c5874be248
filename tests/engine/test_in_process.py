"""The engine of one process: every item is told, whatever becomes of it."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from splatseg.engine.in_process import InProcess
from splatseg.engine.protocol import Engine
from splatseg.errors import MaskError


def _work(number: int) -> int:
    if number == 1:
        raise MaskError("no mask in there; name another folder")
    if number == 2:
        raise ValueError("two\nlines")
    if number == 3:
        raise OSError(errno.ENOSPC, "No space left on device", "out/scene")
    if number == 4:
        raise SystemExit(3)
    return number * number


def test_every_item_gives_its_result_or_its_sentence_and_none_stops_the_others() -> None:
    begun: list[tuple[int, str]] = []
    engine: Engine = InProcess()
    with engine:
        done = list(engine.map(_work, range(6), started=lambda index, worker: begun.append((index, worker))))
    assert [each.index for each in done] == list(range(6)) == [index for index, _ in begun]
    assert [each.result for each in done] == [0, None, None, None, None, 25]
    assert [each.error for each in done if each.error] == [
        "no mask in there; name another folder",
        f"ValueError: two lines ({Path(__file__).name}, line 19)",
        "out/scene cannot be written (No space left on device); make room there, or name another place",
        "the work ended its process with code 3",
    ]
    assert all(each.seconds >= 0 and each.memory > 1 << 20 and each.worker == "this process" for each in done)


def test_the_traceback_of_an_unexpected_error_is_in_the_log_that_its_sentence_names(tmp_path: Path) -> None:
    logs = [tmp_path / "logs" / f"{number}.log" for number in range(3)]
    with InProcess() as engine:
        *_, last = engine.map(_work, range(3), logs=logs)
    assert last.error == f"ValueError: two lines (its traceback is in {logs[2]})"
    assert 'raise ValueError("two' in logs[2].read_text() and not logs[1].exists()


def test_items_that_nobody_takes_are_not_begun_and_an_interrupt_goes_through() -> None:
    begun: list[int] = []

    def work(number: int) -> int:
        begun.append(number)
        if number == 1:
            raise KeyboardInterrupt
        return number

    with InProcess() as engine:
        results = engine.map(work, range(5))
        assert next(results).result == 0 and begun == [0]
        with pytest.raises(KeyboardInterrupt):
            next(results)
    assert begun == [0, 1]
