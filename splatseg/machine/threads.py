"""Threads: torch's and numpy's sleep while they wait, and work on many pictures goes to all that torch may use.

Import it before both: afterwards the first has no effect. torch's OpenMP threads spin while they wait for one another.
On a shared machine the spinning takes the processor that the awaited thread needs: measured next to another busy
process, a fit took several times as long. So do the threads of OpenBLAS, numpy's: the decomposition of votes took two
to four times the processor's time. Sleeping costs little on a free machine. A user's own OMP_WAIT_POLICY,
GOMP_SPINCOUNT or OPENBLAS_THREAD_TIMEOUT is kept.

A picture by itself does not keep many threads busy: decoding, numpy and encoding use one. So where pictures do not
depend on one another, each has one thread, and as many are worked on as there are threads (`in_order`).
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from threading import Barrier
from types import TracebackType
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

if "GOMP_SPINCOUNT" not in os.environ:
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# OpenBLAS spins for 2 to this power of the processor's cycles; 4 is the least it takes.
os.environ.setdefault("OPENBLAS_THREAD_TIMEOUT", "4")

Item = TypeVar("Item")
Result = TypeVar("Result")


class Workers:
    """As many threads as torch uses where it is made, in a `with` block; torch and the kernels have one in each.

    With one thread, as inside a worker, the work is done where its results are taken.
    """

    def __init__(self, most: int | None = None) -> None:
        """Start the threads, `most` of them at most."""
        # This module is imported before torch, and by help texts.
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415

        import torch  # noqa: PLC0415

        of_torch = torch.get_num_threads()
        self.count: int = of_torch if most is None else min(of_torch, most)
        self._pool = ThreadPoolExecutor(self.count) if self.count > 1 else None
        if self._pool is None:
            return
        started = Barrier(self.count + 1)

        def start() -> None:
            torch.get_num_threads()  # the first call in a thread would undo what was set before it
            torch.set_num_threads(1)
            started.wait()

        for _ in range(self.count):
            self._pool.submit(start)
        started.wait()
        torch.set_num_threads(of_torch)  # of threads that are yet to come: each takes what was set last anywhere

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def in_order(
        self, work: Callable[[Item], Result], items: Iterable[Item], most: int | None = None
    ) -> Iterator[Result]:
        """Yield work(item) for every item, in order; items are taken, and results given, in the caller's thread.

        most: items at work and results that wait at once; None for twice as many as threads.

        An error of `work` is raised in the place of its result; later items may have been worked on by then. When the
        iterator ends, for whatever reason, no item is worked on any more.
        """
        if self._pool is None:
            yield from map(work, items)
            return
        waiting: deque[Future[Result]] = deque()
        try:
            for item in items:
                if len(waiting) == (2 * self.count if most is None else most):
                    yield waiting.popleft().result()
                waiting.append(self._pool.submit(work, item))
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()
            for future in waiting:
                if not future.cancelled():
                    future.exception()  # what has begun ends before the caller goes on and clears up


def in_order(work: Callable[[Item], Result], items: Iterable[Item], singly: bool = False) -> Iterator[Result]:
    """Yield work(item) for every item, in order, on as many threads as torch uses; see `Workers.in_order`.

    `work` is called in other threads: there gradients are on, and torch and the kernels have one thread each. singly:
    one item after the other in this thread instead, for items so large that memory holds few of them.

    Example:
        >>> list(in_order(lambda number: number**2, range(5)))
        [0, 1, 4, 9, 16]
    """
    if singly:
        yield from map(work, items)
        return
    with Workers() as workers:
        yield from workers.in_order(work, items)


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Let numpy's linear algebra have one thread in the block: several round its factorisations in another order."""
    from threadpoolctl import threadpool_limits  # noqa: PLC0415 (it loads nothing that is not there, but takes its time)

    with threadpool_limits(1, "blas"):
        yield
