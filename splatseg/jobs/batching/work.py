"""The work of one worker on one scene: the task itself, with its log, its picture and what is left of it.

A scene that is done twice, because its first worker was taken for lost, waits for the first: its log is locked.
"""

from __future__ import annotations

import gc
import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from splatseg.jobs.batching.log import LogReporter
from splatseg.jobs.batching.picture import write_picture
from splatseg.jobs.batching.task import Files, Task
from splatseg.machine import devices

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


@dataclass(frozen=True)
class Ended:
    """The end of the work on a scene that did not fail."""

    stopped: bool = False
    """It was asked to stop, and goes on when it is repeated."""
    begun: bool = True
    """There is something to go on with."""
    text: str = ""
    """Its summary."""
    figures: dict[str, Any] = field(default_factory=dict)
    """Figures of the summary by name."""
    warnings: tuple[str, ...] = ()
    """Warnings of the job."""


@dataclass(frozen=True)
class Worker:
    """Works on tasks; a picklable function for `engine.protocol.Engine.map`."""

    out: Path
    """The folder OUT."""
    part: str
    """Name of the batch's state (`shards`)."""

    def __call__(self, task: Task) -> Ended:
        """Do a task. Raises its errors."""
        files = Files(self.out)
        stop = files.stop(self.part)
        if stop.exists():
            return Ended(stopped=True, begun=False)
        now = files.now(task.name)
        with _locked(files.log(task.name)) as log:
            reporter = LogReporter(log, now, stop)
            reporter.say(task.command)
            try:
                summary = task.work(reporter)
            except KeyboardInterrupt:
                # A signal that the job heeded is one to the whole batch.
                stop.touch()
                reporter.say("stopped")
                return Ended(stopped=True)
            except Exception as error:
                reporter.say(f"error: {error}")
                raise
            finally:
                now.unlink(missing_ok=True)
                devices.use(None)
                gc.collect()  # circles that hold arrays would add to the memory of the next scene
            reporter.say(str(summary).replace("\n", "; "))
            if task.output is not None:
                with suppress(OSError):
                    write_picture(files.picture(task.name), task.output)
            return Ended(text=str(summary), figures=plain_figures(summary.facts), warnings=tuple(reporter.warnings))


def plain_figures(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Return the figures among facts, those of their means too: numbers, truths, and lists by their length."""
    found: dict[str, Any] = {}
    for name, value in facts.items():
        if isinstance(value, bool | int) or (isinstance(value, float) and math.isfinite(value)):
            found[name] = value
        elif isinstance(value, list | tuple):
            found[name] = len(value)
        elif name == "means" and isinstance(value, Mapping):
            found |= plain_figures(value)
    return found


@contextmanager
def _locked(path: Path) -> Iterator[IO[str]]:
    """Open a log to be added to, when nobody else writes it any more."""
    with path.open("a", encoding="utf-8", errors="backslashreplace") as log:
        if fcntl is not None:
            with suppress(OSError):  # some network file systems have no locks
                fcntl.flock(log, fcntl.LOCK_EX)
        yield log
