"""How long work tells what it does. The job knows only this protocol; the command line draws it, tests listen to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol


class Advance(Protocol):
    """Says how far a stage is: `advance(done, psnr="27.1 dB")`. Facts are shown beside the bar."""

    def __call__(self, done: int, **facts: str) -> None: ...


class Reporter(Protocol):
    """Where progress, results and warnings go."""

    def stage(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Enter a stage of `total` steps; the block gets a function that moves its bar."""
        ...

    def say(self, text: str) -> None:
        """A line the user should read."""
        ...

    def warn(self, text: str) -> None:
        """Something the user should know went wrong but did not stop the work."""
        ...


class Silent:
    """A reporter that keeps warnings and shows nothing: for Python users and tests."""

    def __init__(self) -> None:
        self.warnings: list[str] = []

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """See `Reporter`."""

        def advance(done: int, **facts: str) -> None:
            del done, facts

        yield advance

    def say(self, text: str) -> None:
        """See `Reporter`."""

    def warn(self, text: str) -> None:
        """See `Reporter`."""
        self.warnings.append(text)
