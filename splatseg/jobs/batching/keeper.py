"""Keeps the books of a running batch: records as scenes begin and end, the page, and what watchers are shown.

A thread of its own looks every second, so that the page lives while the main thread waits, or works.
"""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

from splatseg.engine.protocol import Done
from splatseg.errors import unwritten
from splatseg.jobs.batching.overview import Overview, overview_of
from splatseg.jobs.batching.page import write_page
from splatseg.jobs.batching.records import Record, Records, State
from splatseg.jobs.batching.task import Files, Task
from splatseg.jobs.batching.work import Ended
from splatseg.run.reporter import Reporter

SECONDS_BETWEEN_LOOKS = 1.0
"""Seconds between two looks at what the scenes do."""

PAGE_SHARE = 0.05
"""Share of the time that may go into writing the page: one of thousands of scenes is written less often."""

Watch = Callable[[Overview], None]
"""watch(overview): called every second, and for each scene that ends, in another thread or this one."""


class Keeper:
    """The books of one batch, in a `with` block.

    Attributes:
        workers: Scenes that are worked on at once, as soon as the engine is open.
        dashboard: Address of the engine's own page.
    """

    def __init__(
        self, files: Files, do: str, tasks: Sequence[Task], records: Records, reporter: Reporter, watch: Watch
    ) -> None:
        """Keep the books of tasks, and show all of them, those of other shards too."""
        self.workers: int = 1
        self.dashboard: str | None = None
        self._files, self._do, self._records = files, do, records
        self._tasks = {task.name: begun(task, do) for task in tasks}
        self._reporter, self._watch = reporter, watch
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._ask: Callable[[], bool] | None = None
        self._part = ""
        self._next_page = 0.0
        self._told = False
        self._thread = threading.Thread(target=self._live, daemon=True)

    def stop_when(self, asked: Callable[[], bool], part: str) -> None:
        """Ask the workers to stop (`task.Files.stop`) as soon as `asked` is true."""
        self._ask, self._part = asked, part

    def stop(self) -> None:
        """Ask the workers to stop."""
        self._files.stop(self._part).touch()

    def __enter__(self) -> Keeper:
        self._look()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()
        self.workers = 0
        self._look(final=True)

    def began(self, task: Task, worker: str) -> None:
        """Tell that a worker begins a scene."""
        self._append(task, "running", worker=worker)

    def ended(self, task: Task, done: Done[Ended]) -> State:
        """Tell the end of a scene, and return its state. Raises OutputError if that cannot be written."""
        result = done.result
        cost = {"worker": done.worker, "seconds": round(done.seconds, 2), "memory": done.memory}
        if result is None:
            state: State = "failed"
            self._append(task, state, error=done.error or "its worker was lost", **cost)
        elif result.stopped:
            state = "stopped" if result.begun else "waiting"
            self._append(task, state)
        else:
            state = "done"
            self._append(task, state, figures=result.figures, warnings=result.warnings, **cost)
        self._look()
        return state

    def overview(self) -> Overview:
        """Return how the batch is now."""
        with self._lock:
            self._records.read()
            latest = self._records.latest
            records = [latest.get((self._do, name), record) for name, record in self._tasks.items()]
        return overview_of(self._files, self._do, records, self.workers, self.dashboard)

    def _append(self, task: Task, state: State, **facts: Any) -> None:
        with self._lock:
            self._records.append(dataclasses.replace(begun(task, self._do), state=state, **facts))

    def _live(self) -> None:
        while not self._over.wait(SECONDS_BETWEEN_LOOKS):
            self._look()
            if self._ask is not None and self._ask() and not self._files.stop(self._part).exists():
                self._reporter.say("stopping where it can go on; Ctrl-C again stops at once")
                self.stop()

    def _look(self, final: bool = False) -> None:
        overview = self.overview()
        self._watch(overview)
        began = time.monotonic()
        if began < self._next_page and not final:
            return
        try:
            write_page(self._files.page, overview)
        except OSError as error:
            if not self._told:
                self._reporter.warn(f"the page is not up to date: {unwritten(self._files.page, error)}")
            self._told = True
        now = time.monotonic()
        self._next_page = now + max(SECONDS_BETWEEN_LOOKS, (now - began) / PAGE_SHARE)


def begun(task: Task, do: str) -> Record:
    """Return the record of a task that waits."""
    output = "" if task.output is None else str(task.output)
    return Record(task.name, "waiting", do, task.options, task.command, output)
