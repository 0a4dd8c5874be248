"""Tasks that tests of batches do: they write a file, fail, or wait, and need no torch to do so."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from splatseg.errors import CaptureError
from splatseg.jobs.batching.task import Task
from splatseg.run.reporter import Reporter, Summary


@dataclass(frozen=True)
class Write:
    """Writes a file, and notes each time."""

    path: Path

    def __call__(self, reporter: Reporter) -> Summary:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self.path.open("a", encoding="utf-8") as file:
            file.write("x")
        reporter.warn("it is a test")
        return Summary("written", segments=3, findings=[1, 2], means={"psnr": 30.0}, report=self.path)


@dataclass(frozen=True)
class Fail:
    """Fails as long as a file is not there."""

    path: Path

    def __call__(self, reporter: Reporter) -> Summary:
        if not self.path.exists():
            raise CaptureError(f"there is no {self.path.name}; make it")
        return Summary("found")


@dataclass(frozen=True)
class Break:
    """Fails in a way that no user can cause."""

    def __call__(self, reporter: Reporter) -> Summary:
        raise ValueError("an array of the wrong shape")


@dataclass(frozen=True)
class Interrupted:
    """Sends its own process a signal, and works on until it is told to stop."""

    number: int = signal.SIGINT

    def __call__(self, reporter: Reporter) -> Summary:
        os.kill(os.getpid(), self.number)
        with reporter.stage("waiting", 10_000) as advance:
            for step in range(10_000):
                time.sleep(0.01)
                advance(step)
        return Summary("never")


def task(name: str, work: Callable[[Reporter], Summary], *options: str, makes: Path | None = None) -> Task:
    """A task by its name and its work."""
    return Task(name, work, options, f"splatseg do {name}", None, makes)
