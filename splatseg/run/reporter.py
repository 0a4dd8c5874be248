"""The protocol for progress, results and warnings: jobs call it, the command line draws it, tests record it."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, Protocol, TypeVar

from splatseg.machine.threads import in_order
from splatseg.progress import counted

Item = TypeVar("Item")
Result = TypeVar("Result")


class Summary(str):
    """The result of a job in lines of text, with the figures in them as plain values by name."""

    __slots__ = ("facts",)

    facts: dict[str, Any]

    def __new__(cls, text: str, /, **facts: Any) -> Summary:
        """Return the text with its figures; a figure that is None is left out."""
        made = super().__new__(cls, text)
        made.facts = {name: value for name, value in facts.items() if value is not None}
        return made


class Advance(Protocol):
    """Moves the bar of a stage: `advance(done, psnr="27.1 dB")`. Facts are shown next to the bar.

    The fact `left`, seconds, is the job's own estimate of the time left, in place of the reporter's.
    """

    def __call__(self, done: int, **facts: str) -> None:
        """Report that `done` steps of the stage are finished."""


class Reporter(Protocol):
    """Receives the progress, results and warnings of a job."""

    def stage(self, name: str, total: int) -> AbstractContextManager[Advance]:
        """Open a stage of `total` steps; the block gets a function that moves its bar."""
        ...

    def say(self, text: str) -> None:
        """Show a line that the user should read."""
        ...

    def warn(self, text: str) -> None:
        """Show a problem that did not stop the job."""
        ...


def track(reporter: Reporter, name: str, items: Collection[Item]) -> Iterator[Item]:
    """Yield the items within a stage of the reporter; the bar moves when the caller has finished an item."""
    with reporter.stage(name, len(items)) as advance:
        yield from counted(items, lambda done, total: advance(done))


def track_in_order(
    reporter: Reporter, name: str, work: Callable[[Item], Result], items: Collection[Item], singly: bool = False
) -> Iterator[Result]:
    """Yield work(item) for every item, in order, on all threads (`threads.in_order`), within a stage of the reporter.

    The bar moves when the caller has finished with a result. singly: as of `threads.in_order`.
    """
    with reporter.stage(name, len(items)) as advance:
        for done, result in enumerate(in_order(work, items, singly), start=1):
            yield result
            advance(done)


class NullReporter:
    """A reporter that shows nothing and collects the warnings in `warnings`; the default of jobs.

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
