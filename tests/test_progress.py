"""Progress is told after each item, never before it is done."""

from __future__ import annotations

from splatseg.progress import counted


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
