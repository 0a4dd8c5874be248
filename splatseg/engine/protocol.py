"""The protocol of an engine: work on every item, told as it ends. Callers know nothing else of where the work is done.

    with open_engine(request) as engine:
        for done in engine.map(work, items):
            ...

`work` is a function of a module, or a picklable object with `__call__` (functools.partial, a dataclass), and an item is
of paths, numbers, texts and settings: large arrays go through files. An item may be done twice, even at the same time
by two workers, if one of them was taken for lost: so files are written under another name and renamed, and the same
item gives the same bytes.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Generic, Protocol, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

Started = Callable[[int, str], None]
"""started(index, worker): called when a worker begins an item, in the thread that takes the results; again if the item
is begun anew by another worker."""


@dataclass(frozen=True)
class Done(Generic[Result]):
    """An item that a worker is done with, for better or worse."""

    index: int
    """Position of the item among those given, from 0."""
    result: Result | None
    """Value that the work returned; None if it failed."""
    error: str | None
    """The sentence of what went wrong; None if nothing did."""
    seconds: float
    """Seconds of the work itself, without waiting."""
    memory: int
    """Highest resident memory of the worker's process until the end of the work, in bytes; since the work began where
    the system can tell (Linux, workers other than this process)."""
    worker: str
    """Name of the worker."""


class Engine(Protocol):
    """Works on items; a context manager, whose end ends its workers."""

    @property
    def workers(self) -> int:
        """Items that are worked on at once; on a cluster as many as it has now."""
        ...

    @property
    def dashboard(self) -> str | None:
        """Address of the engine's own page; None if it has none."""
        ...

    def map(
        self,
        work: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        logs: Sequence[Path] | None = None,
        started: Started | None = None,
    ) -> Iterator[Done[Result]]:
        """Yield what becomes of every item, as they finish, in any order.

        A lost worker's items are done again by another. An error of the work is in the item's `Done`; the others go on.
        When the iterator is closed, no further item is begun.

        logs: one file an item, to which what the work prints is added.
        """
        ...

    def __enter__(self) -> Engine: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None: ...
