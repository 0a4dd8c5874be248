"""An engine without workers: this process does one item after the other, with all of its threads. It needs no Dask."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType

from splatseg.engine.attempt import attempt
from splatseg.engine.protocol import Done, Item, Result, Started

NAME = "this process"


class InProcess:
    """The engine of one machine where a job is not to be shared, and of tests; see `protocol.Engine`.

    What the work prints goes where it goes, so `logs` only take tracebacks.
    """

    workers: int = 1
    dashboard: str | None = None

    def map(
        self,
        work: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        logs: Sequence[Path] | None = None,
        started: Started | None = None,
    ) -> Iterator[Done[Result]]:
        """Yield what becomes of every item, in their order; see `protocol.Engine.map`."""
        for index, item in enumerate(items):
            if started is not None:
                started(index, NAME)
            yield attempt(work, item, index, NAME, None if logs is None else logs[index])

    def __enter__(self) -> InProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        pass
