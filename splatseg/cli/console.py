"""Output to the user: a progress bar on a terminal, a plain line now and then elsewhere. Results go to stdout.

Everything that reaches the terminal goes through here and is cleaned: names of segments, files and views come from
strangers, and a terminal obeys what is in them (`plain_text`). Nothing is read as markup.

With --json stdout holds one JSON object and nothing else, whatever happens:

    {..., "warnings": [...]}                 the figures of the result
    {"error": "...", "warnings": [...]}      a command that failed, with its exit code as ever
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderableType, RenderHook, RenderResult
from rich.segment import Segment

from splatseg.plain_text import for_terminal, one_line
from splatseg.run.reporter import Advance, Summary

if TYPE_CHECKING:
    from rich.progress import Progress

SECONDS_BETWEEN_LINES = 15.0
"""Seconds between lines in a log file, where a bar is noise and a line says that the work goes on."""


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

    def __init__(self, as_json: bool = False, quiet: bool = False) -> None:
        """Print results as JSON, and no progress, if asked for."""
        self._results, self._messages = _console(stderr=False), _console(stderr=True)
        self.as_json, self.quiet = as_json, quiet
        self._warnings: list[str] = []
        self._answered = False

    def result(self, shown: RenderableType, facts: Mapping[str, Any] | None = None) -> None:
        """Print the result of a command to stdout: lines of text or tables; with --json the figures in them.

        facts: the figures, JSON's values or paths by name; None takes those of a `Summary`, and else the text itself.
        """
        if self.as_json:
            found = shown.facts if isinstance(shown, Summary) and facts is None else facts
            self._answer({"text": str(shown)} if found is None else found)
            return
        self._results.print(for_terminal(shown) if isinstance(shown, str) else shown, soft_wrap=isinstance(shown, str))

    def error(self, text: str) -> None:
        """Print what stopped a command."""
        self._messages.print(one_line(f"error: {text}"), style="red", soft_wrap=True)
        if self.as_json and not self._answered:
            self._answer({"error": text})

    def stopped(self) -> None:
        """Say that the user stopped a command."""
        text = "stopped; what was finished is kept"
        self._messages.print(text, style="yellow")
        if self.as_json and not self._answered:
            self._answer({"error": text})

    def _answer(self, facts: Mapping[str, Any]) -> None:
        """Print the one JSON object, in ASCII: what a terminal obeys is escaped in it."""
        assert not self._answered, "a command has one result"
        self._answered = True
        text = json.dumps(_plain({**facts, "warnings": self._warnings}), indent=2).replace("\x7f", "\\u007f")
        stream = self._results.file
        try:
            stream.write(f"{text}\n")
            stream.flush()
        except OSError as error:
            error.filename = getattr(stream, "name", None)
            raise

    @contextmanager
    def stage(self, name: str, total: int) -> Iterator[Advance]:
        """See `run.reporter.Reporter`."""
        if self.quiet:
            yield _silent
            return
        with self._bar(name, total) if self._messages.is_terminal else self._lines(name, total) as advance:
            yield advance

    def say(self, text: str) -> None:
        """See `run.reporter.Reporter`."""
        if not self.quiet:
            self._messages.print(one_line(text), soft_wrap=True)

    def warn(self, text: str) -> None:
        """See `run.reporter.Reporter`."""
        self._warnings.append(text)
        self._messages.print(one_line(f"warning: {text}"), style="yellow", soft_wrap=True)

    @contextmanager
    def _bar(self, name: str, total: int) -> Iterator[Advance]:
        from rich.progress import (
            BarColumn,
            MofNCompleteColumn,
            Progress,
            TextColumn,
            TimeElapsedColumn,
        )

        columns = (
            TextColumn("{task.description:<12}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left {task.fields[left]}", markup=False),
            TextColumn("{task.fields[facts]}", markup=False),
        )
        with Progress(*columns, console=self._messages) as progress:
            # The bar draws itself past the console's hook, so its texts are cleaned before they reach it.
            task = progress.add_task(one_line(name), total=total, facts="", left="-:--:--")
            start = time.monotonic()

            def advance(done: int, **facts: str) -> None:
                left = _seconds_left(facts.pop("left", ""), time.monotonic() - start, done, total)
                shown = "-:--:--" if left is None else str(timedelta(seconds=round(left)))
                progress.update(task, completed=done, left=shown)
                if facts:
                    progress.update(task, facts=one_line("  ".join(f"{key} {value}" for key, value in facts.items())))

            yield advance

    @property
    def is_interactive(self) -> bool:
        """True if progress can be drawn: there is a terminal, and it is not to be quiet."""
        return self._messages.is_terminal and not self.quiet

    def board(self) -> Progress:
        """Return bars that are drawn together, each with its fact `facts`, which must be plain (`one_line`)."""
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        columns = (
            TextColumn("{task.description:<12}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[facts]}", markup=False),
        )
        return Progress(*columns, console=self._messages)

    @contextmanager
    def _lines(self, name: str, total: int) -> Iterator[Advance]:
        start = last = time.monotonic()

        def advance(done: int, **facts: str) -> None:
            nonlocal last
            now = time.monotonic()
            own = facts.pop("left", "")
            if now - last >= SECONDS_BETWEEN_LINES and 0 < done < total:
                last = now
                left = _seconds_left(own, now - start, done, total)
                text = "".join(f"  {key} {value}" for key, value in facts.items())
                self.say(f"{name} {done}/{total}  {now - start:.0f} s, about {left:.0f} s left{text}")

        yield advance
        self.say(f"{name} {total}/{total}  {time.monotonic() - start:.1f} s")


def _seconds_left(own: str, elapsed: float, done: int, total: int) -> float | None:
    """Return the time left of a stage by its own estimate, else as if all steps took as long; None before the first."""
    if own:
        return float(own)
    return elapsed / done * (total - done) if done else None


def _silent(done: int, **facts: str) -> None:
    """Show no progress."""


def _plain(value: Any) -> Any:
    """Return values as JSON has them: null for what is not finite, texts for paths, numbers for those of numpy."""
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items()}
    if value is None or isinstance(value, str | bool | int):
        return value
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    if isinstance(value, Sequence):
        return [_plain(inner) for inner in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return str(value)


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


def _console(stderr: bool) -> Console:
    console = _Output(stderr=stderr, highlight=False, markup=False, emoji=False)
    console.push_render_hook(_Cleaning())
    return console
