"""Output to the user: a progress bar on a terminal, a plain line now and then elsewhere. Results go to stdout.

Everything that reaches the terminal goes through here and is cleaned: names of segments, files and views come from
strangers, and a terminal obeys what is in them (`plain_text`). Nothing is read as markup.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.segment import Segment

from splatseg.plain_text import for_terminal, one_line
from splatseg.run.reporter import Advance

SECONDS_BETWEEN_LINES = 15.0
"""Seconds between lines in a log file, where a bar is noise and a line says that the work goes on."""

_COLOR = re.compile("\x1b\\[[0-9;]*m")


class _Output(Console):
    """A console that leaves a closed pipe to `cli.main`; rich would end the program with a code of its own."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does. Raises OSError with the stream's name, if it cannot be written."""
        try:
            super().print(*objects, **options)
        except OSError as error:
            error.filename = getattr(self.file, "name", None)
            raise

    def on_broken_pipe(self) -> None:
        """Raise the BrokenPipeError that is being handled."""
        raise  # noqa: PLE0704


class Terminal:
    """The command line's reporter. Progress and warnings to stderr, so that stdout holds results only."""

    def __init__(self) -> None:
        self._results, self._messages = _console(stderr=False), _console(stderr=True)

    def result(self, shown: RenderableType) -> None:
        """Print a result to stdout: lines of text, or tables."""
        self._results.print(for_terminal(shown) if isinstance(shown, str) else shown, soft_wrap=isinstance(shown, str))

    def error(self, text: str) -> None:
        """Print what stopped a command."""
        self._messages.print(one_line(f"error: {text}"), style="red", soft_wrap=True)

    def stopped(self) -> None:
        """Say that the user stopped a command."""
        self._messages.print("stopped; what was finished is kept", style="yellow")

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """See `run.reporter.Reporter`."""
        with self._bar(name, total) if self._messages.is_terminal else self._lines(name, total) as advance:
            yield advance

    def say(self, text: str) -> None:
        """See `run.reporter.Reporter`."""
        self._messages.print(one_line(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        """See `run.reporter.Reporter`."""
        self._messages.print(one_line(f"warning: {text}"), style="yellow", soft_wrap=True)

    @contextmanager
    def _bar(self, name: str, total: int) -> Iterator[Advance]:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
            TimeRemainingColumn,
        )

        columns = (
            TextColumn("{task.description:<12}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left", markup=False),
            TimeRemainingColumn(),
            TextColumn("{task.fields[facts]}", markup=False),
        )
        with Progress(*columns, console=self._messages) as progress:
            # The bar draws itself past the console's hook, so its texts are cleaned before they reach it.
            task = progress.add_task(one_line(name), total=total, facts="")

            def advance(done: int, **facts: str) -> None:
                progress.update(task, completed=done)
                if facts:
                    progress.update(task, facts=one_line("  ".join(f"{key} {value}" for key, value in facts.items())))

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


class _Cleaned:
    """Something to print whose texts are cleaned after layout; the colours and borders are the console's own."""

    def __init__(self, shown: ConsoleRenderable) -> None:
        self._shown = shown

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for segment in console.render(self._shown, options):
            yield segment if segment.control else Segment(for_terminal(segment.text), segment.style)


class _Cleaning(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Wrap all that is printed."""
        return [_Cleaned(each) for each in renderables]


class CleanedStream:
    """A stream of text for a library that prints by itself: all but the codes of colours is cleaned."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write the text without what a terminal would obey."""
        self._stream.write("".join(part if _COLOR.fullmatch(part) else for_terminal(part) for part in _split(text)))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def _split(text: str) -> list[str]:
    return re.split(f"({_COLOR.pattern})", text)


def _console(stderr: bool) -> Console:
    console = _Output(stderr=stderr, highlight=False, markup=False, emoji=False)
    console.push_render_hook(_Cleaning())
    return console
