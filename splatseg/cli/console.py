"""Output to the user: a progress bar on a terminal, a plain line now and then elsewhere. Results go to stdout."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from splatseg.run.reporter import Advance

SECONDS_BETWEEN_LINES = 15.0
"""Seconds between lines in a log file, where a bar is noise and a line says that the work goes on."""


class Terminal:
    """The command line's reporter. Progress and warnings to stderr, so that stdout holds results only."""

    def __init__(self) -> None:
        self.results: Console = Console(highlight=False)
        self.messages: Console = Console(stderr=True, highlight=False)

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """See `run.reporter.Reporter`."""
        with self._bar(name, total) if self.messages.is_terminal else self._lines(name, total) as advance:
            yield advance

    def say(self, text: str) -> None:
        """See `run.reporter.Reporter`."""
        self.messages.print(text, soft_wrap=True, markup=False)

    def warn(self, text: str) -> None:
        """See `run.reporter.Reporter`."""
        self.messages.print(f"warning: {text}", style="yellow", soft_wrap=True, markup=False)

    @contextmanager
    def _bar(self, name: str, total: int) -> Iterator[Advance]:
        columns = (
            TextColumn("{task.description:<12}"),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[facts]}"),
        )
        with Progress(*columns, console=self.messages) as progress:
            task = progress.add_task(name, total=total, facts="")

            def advance(done: int, **facts: str) -> None:
                text = "  ".join(f"{key} {value}" for key, value in facts.items())
                progress.update(task, completed=done)
                if facts:
                    progress.update(task, facts=text)

            yield advance

    @contextmanager
    def _lines(self, name: str, total: int) -> Iterator[Advance]:
        start = last = time.monotonic()

        def advance(done: int, **facts: str) -> None:
            nonlocal last
            now = time.monotonic()
            if now - last >= SECONDS_BETWEEN_LINES and 0 < done < total:
                last = now
                left = (now - start) / done * (total - done)
                text = "".join(f"  {key} {value}" for key, value in facts.items())
                self.say(f"{name} {done}/{total}  {now - start:.0f} s, about {left:.0f} s left{text}")

        yield advance
        self.say(f"{name} {total}/{total}  {time.monotonic() - start:.1f} s")
