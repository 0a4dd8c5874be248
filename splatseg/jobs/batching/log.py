"""The reporter of one scene in a worker: a log, the stage that it is in, and a stop where it is asked for.

    OUT/batch/NAME.log   a line for what is said, for each stage that ends, and every 15 s of one that goes on
    OUT/batch/NAME.now   the stage that it is in (`progress.Stage`), once a second at most

A full disk costs these lines and not the job, which finds out by itself.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from splatseg.interrupts import ask_to_stop, open_blocks
from splatseg.plain_text import one_line
from splatseg.progress import Stage, write_stage
from splatseg.run.reporter import Advance

SECONDS_BETWEEN_LINES = 15.0
"""Seconds between lines of one stage in the log."""

SECONDS_BETWEEN_LOOKS = 1.0
"""Seconds between two writings of the stage, and between two looks for the file that asks to stop."""


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
        write_stage(self._now, Stage(name, 0, total))

        def advance(done: int, **facts: str) -> None:
            nonlocal told
            clock = time.monotonic()
            if clock - self._looked < SECONDS_BETWEEN_LOOKS:
                return
            self._looked = clock
            own = facts.pop("left", "")
            left = float(own) if own else (clock - start) / done * (total - done) if done else None
            stage = Stage(name, done, total, left, facts)
            write_stage(self._now, stage)
            if clock - told >= SECONDS_BETWEEN_LINES and done < total:
                told = clock
                self.say(f"{name} {done}/{total}  {clock - start:.0f} s  {stage.figures}".rstrip())
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

    def _heed(self) -> None:
        # A fit stops at a checkpoint; any other stage is done again when the scene goes on.
        if self._stop.exists() and not ask_to_stop(self._outside):
            raise KeyboardInterrupt("the batch was stopped")
