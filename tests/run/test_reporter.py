"""A stage says how far it is, and ends with its loop, however that ends."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from splatseg.run.reporter import Advance, track


class Listener:
    """A reporter that writes down all it hears."""

    def __init__(self) -> None:
        self.heard: list[object] = []

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        self.heard.append((name, total))

        def advance(done: int, **facts: str) -> None:
            self.heard.append(done)

        try:
            yield advance
        finally:
            self.heard.append("end")

    def say(self, text: str) -> None:
        self.heard.append(text)

    def warn(self, text: str) -> None:
        self.heard.append(text)


def test_the_bar_moves_after_every_item_of_a_loop() -> None:
    listener = Listener()
    for item in track(listener, "letters", ("a", "b")):
        listener.say(item)
    assert listener.heard == [("letters", 2), "a", 1, "b", 2, "end"]


def test_a_loop_over_nothing_is_a_stage_of_no_steps() -> None:
    listener = Listener()
    assert list(track(listener, "letters", ())) == []
    assert listener.heard == [("letters", 0), "end"]


def test_a_stage_ends_before_the_error_of_its_loop_is_shown() -> None:
    listener = Listener()

    def work() -> None:
        for item in track(listener, "letters", ("a", "b", "c")):
            if item == "b":
                raise ValueError(item)

    with pytest.raises(ValueError):
        try:
            work()
        except ValueError:
            listener.say("an error")
            raise
    assert listener.heard == [("letters", 3), 1, "end", "an error"]
