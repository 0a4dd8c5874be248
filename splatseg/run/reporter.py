"""The protocol by which long work reports: a job calls it, the command line draws it, tests listen to it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol, TypeVar

from splatseg.progress import counted

Item = TypeVar("Item")


class Advance(Protocol):
    """Says how far a stage is: `advance(done, psnr="27.1 dB")`. Facts are shown beside the bar."""

    def __call__(self, done: int, **facts: str) -> None:
        """Say that `done` steps are done."""


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


def track(reporter: Reporter, name: str, items: Collection[Item]) -> Iterator[Item]:
    """Yield the items within a stage of the reporter; its bar moves after each item is done with."""
    with reporter.stage(name, len(items)) as advance:
        yield from counted(items, lambda done, total: advance(done))


class NullReporter:
    """A reporter that shows nothing and keeps the warnings: the default of functions that take one.

    Example:
        >>> reporter = splatseg.NullReporter()
        >>> reporter.warn("a mask is empty")
        >>> reporter.warnings
        ['a mask is empty']
    """

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
