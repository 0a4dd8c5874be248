"""The reporter of one scene in a worker: a log, the stage that it is in, and a stop where it is asked for.

    OUT/batch/NAME.log   a line for what is said, for each stage that ends, and every 15 s of one that goes on
    OUT/batch/NAME.now   {"stage", "done", "total", "left", "facts"}, once a second at most

A full disk costs these lines and not the job, which finds out by itself.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from splatseg.interrupts import ask_to_stop, open_blocks
from splatseg.plain_text import one_line
from splatseg.run.reporter import Advance
from splatseg.untrusted.documents import DocumentError, read_json

SECONDS_BETWEEN_LINES = 15.0
"""Seconds between lines of one stage in the log."""

SECONDS_BETWEEN_LOOKS = 1.0
"""Seconds between two writings of the stage, and between two looks for the file that asks to stop."""


@dataclass(frozen=True)
class Now:
    """The stage that a scene is in."""

    stage: str
    """Its name."""
    done: int
    """Steps that are done."""
    total: int
    """Steps that there are."""
    left: float | None = None
    """Seconds left of the stage; None before that can be told."""
    facts: str = ""
    """Figures that stand beside it."""


class LogReporter:
    """See `run.reporter.Reporter`.

    Attributes:
        warnings: What was warned of.
    """

    def __init__(self, log: IO[str], now: Path, stop: Path) -> None:
        """Report to a log. now: file of the stage. stop: file that asks to stop once it is there."""
        self.warnings: list[str] = []
        self._log, self._now, self._stop = log, now, stop
        self._outside = open_blocks()
        self._looked = 0.0

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """See `run.reporter.Reporter`. Raises KeyboardInterrupt if it is asked to stop and the job does not heed it."""
        start = told = time.monotonic()
        self._tell(Now(name, 0, total))

        def advance(done: int, **facts: str) -> None:
            nonlocal told
            clock = time.monotonic()
            if clock - self._looked < SECONDS_BETWEEN_LOOKS:
                return
            self._looked = clock
            own = facts.pop("left", "")
            left = float(own) if own else (clock - start) / done * (total - done) if done else None
            shown = "  ".join(f"{key} {value}" for key, value in facts.items())
            self._tell(Now(name, done, total, left, shown))
            if clock - told >= SECONDS_BETWEEN_LINES and done < total:
                told = clock
                self.say(f"{name} {done}/{total}  {clock - start:.0f} s  {shown}".rstrip())
            self._heed()

        yield advance
        self.say(f"{name} {total}/{total}  {time.monotonic() - start:.1f} s")
        self._heed()

    def say(self, text: str) -> None:
        """See `run.reporter.Reporter`."""
        with suppress(OSError):
            self._log.write(f"{time.strftime('%H:%M:%S')} {one_line(text)}\n")
            self._log.flush()

    def warn(self, text: str) -> None:
        """See `run.reporter.Reporter`."""
        self.warnings.append(text)
        self.say(f"warning: {text}")

    def _tell(self, now: Now) -> None:
        part = self._now.with_name(f"{self._now.name}~")
        with suppress(OSError):
            # Not synced to the disk: it is stale in a second.
            part.write_text(json.dumps(now.__dict__), encoding="utf-8")
            part.replace(self._now)

    def _heed(self) -> None:
        # A fit stops at a checkpoint; any other stage is done again when the scene goes on.
        if self._stop.exists() and not ask_to_stop(self._outside):
            raise KeyboardInterrupt("the batch was stopped")


def read_now(path: Path) -> Now | None:
    """Read the stage that a scene is in; None if no worker has told of any."""
    try:
        row = read_json(path)
        left = row.get("left")
        return Now(
            row["stage"].text(),
            row["done"].whole(0),
            row["total"].whole(0),
            None if left is None else left.number(0),
            row["facts"].text(),
        )
    except (OSError, DocumentError):
        return None
