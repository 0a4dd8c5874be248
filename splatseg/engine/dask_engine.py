"""The engine whose workers Dask keeps: it schedules, restarts, and tells; here is only what to do about it.

As many items are with Dask as there are fit workers, so none waits behind another, and a lost worker is suspected of
its own item only. Two streams of news go into one queue, which the thread that takes the results reads: futures that
are done, and events of the scheduler (workers that come, go, or are ended for their memory; items that are begun).

Source: https://distributed.dask.org, "Resilience", "Worker Memory Management" and "Events".
"""

from __future__ import annotations

import uuid
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic

from distributed import CancelledError, KilledWorker
from distributed.comm.core import CommClosedError

from splatseg.engine.assignment import Assignment
from splatseg.engine.attempt import sentence_of
from splatseg.engine.members import Member, members_of
from splatseg.engine.protocol import Done, Item, Result, Started
from splatseg.errors import EngineError
from splatseg.untrusted.memory import in_words

if TYPE_CHECKING:
    from distributed import Client, Future

News = tuple[str, Any]
"""One thing that happened: ("done", the index of an item and its future), or the action of an event and the event."""

MOST_AGAIN = 3
"""Times that an item is given anew to named workers, because one was unfit or lost, before it fails."""

TOPICS = ("all", "worker-restart-memory")
"""Events of Dask on workers that come and go, and on those that a nanny ends for their memory."""

CLOSE = 2.0
"""Seconds that a scheduler has to take leave."""

LOOK = 1.0
"""Seconds between two looks at the connection while nothing happens."""


@dataclass
class _Map(Generic[Item, Result]):
    """Items of one call of `map`, and what became of them so far."""

    work: Callable[[Item], Result]
    items: Sequence[Item]
    logs: Sequence[Path] | None
    key: str
    waiting: deque[int]
    flying: dict[int, Future[Done[Result]]] = field(default_factory=dict)
    again: Counter[int] = field(default_factory=Counter)


class DaskEngine:
    """Workers of a cluster of Dask; see `protocol.Engine`. The end of its block ends what `cluster` started."""

    def __init__(
        self,
        client: Client,
        warn: Callable[[str], None],
        *,
        cluster: AbstractContextManager[Any] | None = None,
        most: int | None = None,
        threads: int | None = None,
        cards: int = 0,
    ) -> None:
        """Take over a client.

        warn: is told of workers that are lost or unfit, in the thread that takes the results. cluster: ended after the
        client; None for one that goes on. most: workers that are used at once. threads, cards: see `EngineRequest`.
        """
        self._client, self._warn, self._cluster = client, warn, cluster
        self._most, self._threads, self._cards = most, threads, cards
        self._news: SimpleQueue[News] = SimpleQueue()
        self._members: dict[str, Member] = {}
        self._names: dict[str, str] = {}
        self._killed: dict[str, int] = {}
        self._mapping = False
        self._stale = False
        for topic in TOPICS:
            client.subscribe_topic(topic, self._event)
        self._look()

    @property
    def members(self) -> Sequence[Member]:
        """The workers of the cluster, the unfit among them."""
        return list(self._members.values())

    @property
    def workers(self) -> int:
        """Fit workers that the cluster has now, at most as many as were asked for."""
        fit = len(self._fit())
        return fit if self._most is None else min(fit, self._most)

    @property
    def dashboard(self) -> str | None:
        """Address of Dask's page; None without bokeh, which draws it."""
        try:
            import bokeh  # noqa: F401, PLC0415 (an extra of Dask)
        except ImportError:
            return None
        return str(self._client.dashboard_link)

    def map(
        self,
        work: Callable[[Item], Result],
        items: Sequence[Item],
        *,
        logs: Sequence[Path] | None = None,
        started: Started | None = None,
    ) -> Iterator[Done[Result]]:
        """Yield what becomes of every item, as they finish; see `protocol.Engine.map`.

        One call at a time. Raises EngineError if the scheduler is lost.
        """
        assert not self._mapping, "the engine works on other items"
        self._mapping = True
        job = _Map(work, items, logs, f"splatseg-{uuid.uuid4().hex}", deque(range(len(items))))
        self._client.subscribe_topic(job.key, self._event)
        if not self._members:
            self._warn("no worker has come yet, and the work waits for the first; Ctrl-C stops it")
        try:
            while job.waiting or job.flying:
                self._fill(job)
                kind, what = self._next()
                self._stale |= kind == "add-worker"
                if self._stale and self._news.empty():  # once for workers that come together
                    self._look()
                if kind == "begin-item" and started is not None and what["index"] in job.flying:
                    started(what["index"], what["name"])
                elif kind == "remove-worker":
                    yield from self._without(job, what)
                elif kind == "done" and what[1] is job.flying.get(what[0]):
                    yield from self._taken(job, *what)
        finally:
            self._mapping = False
            with suppress(Exception):  # of a connection that is lost
                self._client.unsubscribe_topic(job.key)
                self._client.cancel(list(job.flying.values()), force=True)

    def _fill(self, job: _Map[Item, Result]) -> None:
        """Give items to Dask until every fit worker has one."""
        while job.waiting and len(job.flying) < self.workers:
            self._submit(job, job.waiting.popleft())

    def _submit(self, job: _Map[Item, Result], index: int) -> None:
        """Give an item to Dask."""
        log = None if job.logs is None else job.logs[index]
        future = self._client.submit(
            Assignment(job.work, job.items[index], index, log, self._threads, job.key),
            key=f"{job.key}-{index}-{job.again[index]}",
            pure=False,
            workers=self._fit() if self._has_unfit() else None,
            resources={"GPU": self._cards} if self._cards else None,
        )
        job.flying[index] = future
        future.add_done_callback(lambda future: self._news.put(("done", (index, future))))

    def _next(self) -> News:
        """Wait for news. Raises EngineError if the connection to the scheduler is lost."""
        while True:
            with suppress(Empty):
                return self._news.get(timeout=LOOK)  # a wait without end would keep signals out on some systems
            if self._client.status != "running":
                raise self._lost_scheduler()
            if not self.workers:
                self._look()
                return ("looked", None)

    def _event(self, event: tuple[float, Any]) -> None:
        """Take an event of the scheduler; Dask calls it in its own thread."""
        what = event[1]
        if isinstance(what, dict) and "rss" in what:
            self._killed[what["worker"]] = what["rss"]
        elif isinstance(what, dict) and what.get("action") in ("add-worker", "remove-worker", "begin-item"):
            if "name" in what:
                self._names[what["worker"]] = what["name"]
            self._news.put((what["action"], what))

    def _without(self, job: _Map[Item, Result], what: dict[str, Any]) -> Iterator[Done[Result]]:
        """Go on without a worker; yield its item if it is given up."""
        address = what["worker"]
        lost = [index for index, future in job.flying.items() if future.key in what["processing-tasks"]]
        if lost and not what["expected"]:
            self._warn(f"{self._lost(address)}; its work is done again")
        restricted = self._has_unfit()
        self._look()
        if not self._members:
            self._warn("no worker is left, and the work waits for one; Ctrl-C stops it, and keeps what was finished")
        for index in lost if restricted else []:
            # Dask would wait for the workers that it was told, and they may not come back under that address.
            job.flying.pop(index).cancel()
            yield from self._again(job, index, self._lost(address))

    def _taken(self, job: _Map[Item, Result], index: int, future: Future[Done[Result]]) -> Iterator[Done[Result]]:
        """Yield what became of an item, if it is not given to another worker."""
        del job.flying[index]
        self._fill(job)  # the worker goes on while the caller looks at the result
        try:
            done: Done[Result] = future.result()
            yield done
        except KilledWorker as error:
            worker = error.last_worker
            self._names[worker.address] = str(worker.name)
            last = self._lost(worker.address)
            said = f"{error.allowed_failures + 1} workers were lost while they worked on it, the last: {last}"
            yield Done(index, None, said, 0.0, 0, str(worker.name))
        except (CancelledError, CommClosedError) as error:
            raise self._lost_scheduler() from error
        except Exception as error:
            # An assignment returns errors of its work: this is one of a worker that does not understand it.
            self._look()
            if self._has_unfit():
                yield from self._again(job, index, sentence_of(error, None))
            else:
                yield Done(index, None, sentence_of(error, None), 0.0, 0, "")

    def _again(self, job: _Map[Item, Result], index: int, why: str) -> Iterator[Done[Result]]:
        """Let an item wait for another worker, or give it up."""
        job.again[index] += 1
        if job.again[index] > MOST_AGAIN:
            yield Done(index, None, f"it was given up after {MOST_AGAIN} workers: {why}", 0.0, 0, "")
        else:
            job.waiting.appendleft(index)

    def _look(self) -> None:
        """Look which workers there are, and warn of those that are unfit."""
        self._stale = False
        try:
            found = members_of(self._client)
        except (OSError, TimeoutError) as error:
            raise self._lost_scheduler() from error
        for address, member in found.items():
            if member.unfit and address not in self._members:
                self._warn(f"{member.unfit}; until then it gets no work")
        self._members = found
        self._names |= {address: member.name for address, member in found.items()}

    def _has_unfit(self) -> bool:
        return any(member.unfit for member in self._members.values())

    def _fit(self) -> list[str]:
        """Return the addresses of the workers that can do the work."""
        return [
            address for address, member in self._members.items() if member.unfit is None and member.cards >= self._cards
        ]

    def _lost(self, address: str) -> str:
        """Return how a worker was lost, in words."""
        name = self._names.get(address, address)
        size = self._killed.get(address)
        if size is None:
            return f"{name} was lost (its process or machine ended)"
        return f"{name} was ended because it took {in_words(size)} of memory; give workers more, or each less to do"

    def _lost_scheduler(self) -> EngineError:
        address = self._client.scheduler.address if self._client.scheduler is not None else "?"
        return EngineError(
            f"the scheduler at {address} was lost; start it and its workers again, and repeat the command: "
            "what was finished is kept"
        )

    def __enter__(self) -> DaskEngine:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            with suppress(Exception):  # of a connection that is lost
                for topic in TOPICS:
                    self._client.unsubscribe_topic(topic)
            self._client.close(timeout=CLOSE)
        finally:
            if self._cluster is not None:
                self._cluster.__exit__(kind, error, traceback)
