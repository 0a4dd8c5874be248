"""One item on its way to a worker: what is done there, besides the work itself.

A worker first tells whether it may take the item, and which it begins. Its standard output and error go to the item's
log, descriptors and all, so that what compiled code prints is there, too: a worker does one item at a time.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Generic

from splatseg.engine.attempt import attempt, forget_peak
from splatseg.engine.protocol import Done, Item, Result
from splatseg.errors import EngineError, unwritten
from splatseg.version import __version__


@dataclass(frozen=True)
class Assignment(Generic[Item, Result]):
    """An item and all that a worker needs for it; calling it does the work, in a worker of Dask."""

    work: Callable[[Item], Result]
    """The work; see `protocol`."""
    item: Item
    """Its argument."""
    index: int
    """Position of the item among those of its caller."""
    log: Path | None
    """File to which what it prints is added."""
    threads: int | None
    """Threads of torch and the kernels; None for as many as the worker was started with."""
    topic: str
    """Topic of Dask's events on which the beginning is told."""
    version: str = __version__
    """Version of splatseg that assigned it."""

    def __call__(self) -> Done[Result]:
        """Do the item and return what became of it. Raises EngineError in a worker of another version."""
        from distributed import get_worker  # noqa: PLC0415 (an extra)

        worker = get_worker()
        name = str(worker.name)
        # Workers are asked before they are given work; one may have joined since.
        if __version__ != self.version:
            raise EngineError(f"the worker {name} has splatseg {__version__}, and this is splatseg {self.version}")
        worker.log_event(self.topic, {"action": "begin-item", "index": self.index, "name": name})
        if self.threads is not None:
            use_threads(self.threads)
        forget_peak()
        if self.log is None:
            return attempt(self.work, self.item, self.index, name)
        try:
            with printed_to(self.log):
                print(f"-- {time.strftime('%Y-%m-%d %H:%M:%S')} on {name}", flush=True)  # noqa: T201 (to the log)
                return attempt(self.work, self.item, self.index, name, self.log)
        except OSError as error:
            return Done(self.index, None, unwritten(self.log, error), 0.0, 0, name)


def use_threads(count: int) -> None:
    """Let torch and the kernels have so many threads, in this thread and those to come."""
    os.environ["OMP_NUM_THREADS"] = str(count)
    if "torch" in sys.modules:
        import torch  # noqa: PLC0415 (the work may need none)

        torch.get_num_threads()  # the first call in a thread would undo what was set before it
        torch.set_num_threads(count)


@contextmanager
def printed_to(log: Path) -> Iterator[None]:
    """Add to a file what the process writes to its standard output and error. Raises OSError if it cannot be opened."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("ab") as file:
        _flush()
        before = [os.dup(number) for number in (1, 2)]
        try:
            for number in (1, 2):
                os.dup2(file.fileno(), number)
            yield
        finally:
            _flush()
            for number, kept in zip((1, 2), before, strict=True):
                os.dup2(kept, number)
                os.close(kept)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError, ValueError):  # a log on a full disk, a closed stream
            stream.flush()
