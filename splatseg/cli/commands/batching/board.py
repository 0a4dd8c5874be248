"""The board of a batch: all scenes on the terminal, with what each running one does; lines where there is none."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Any

from splatseg.cli.console import SECONDS_BETWEEN_LINES, Terminal
from splatseg.jobs.batching.overview import Overview, Shown
from splatseg.jobs.batching.page import about, figures_of, lead_of
from splatseg.plain_text import one_line, short_name
from splatseg.report.html import duration

MOST_ROWS = 12
"""Most running scenes on the terminal."""


class Board:
    """Shows overviews, in a `with` block; `show` is a `jobs.batching.keeper.Watch`."""

    def __init__(self, terminal: Terminal, total: int) -> None:
        """Show a batch of `total` scenes."""
        self._terminal, self._total = terminal, total
        self._lock = threading.Lock()
        self._told: set[str] | None = None
        self._last = time.monotonic()
        self._rows: dict[str, Any] = {}
        self._progress: Any = None

    def __enter__(self) -> Board:
        if self._terminal.is_interactive:
            self._progress = self._terminal.board()
            self._all = self._progress.add_task("scenes", total=self._total, facts="")
            self._progress.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._progress is not None:
            self._progress.stop()

    def show(self, overview: Overview) -> None:
        """Show how the batch is now."""
        with self._lock:
            self._tell_ends(overview)
            if self._progress is not None:
                self._draw(overview)
            elif time.monotonic() - self._last >= SECONDS_BETWEEN_LINES:
                self._last = time.monotonic()
                running = [f"{short_name(each.record.scene)} {_doing(each)}" for each in _running(overview)[:3]]
                self._terminal.say(lead_of(overview) + "".join(f"; {text}" for text in running))

    def _tell_ends(self, overview: Overview) -> None:
        """Tell scenes that have ended since the last time."""
        ended = {each.record.scene: each for each in overview.scenes if each.record.state in ("done", "failed")}
        if self._told is None:  # earlier ones
            self._told = set(ended)
        for name in ended.keys() - self._told:
            record = ended[name].record
            figures = figures_of(ended[name])
            took = duration(record.seconds)
            told = (
                f"failed: {record.error}" if record.state == "failed" else f"{took}{'  ' if figures else ''}{figures}"
            )
            self._terminal.say(f"{short_name(name)}  {told}")
        self._told |= set(ended)

    def _draw(self, overview: Overview) -> None:
        counts = overview.counts
        facts = lead_of(overview).partition(", ")[2] or ("waits for workers" if counts["waiting"] else "")
        self._progress.update(self._all, completed=counts["done"] + counts["failed"], facts=facts)
        running = {each.record.scene: each for each in _running(overview)[:MOST_ROWS]}
        for name in self._rows.keys() - running.keys():
            self._progress.remove_task(self._rows.pop(name))
        for name, shown in running.items():
            if name not in self._rows:
                self._rows[name] = self._progress.add_task(one_line(short_name(name)), total=1, facts="")
            now = shown.now
            done, total = (now.done, max(now.total, 1)) if now is not None else (0, 1)
            self._progress.update(self._rows[name], completed=done, total=total, facts=one_line(_doing(shown, "")))


def _running(overview: Overview) -> list[Shown]:
    return [each for each in overview.scenes if each.record.state == "running"]


def _doing(shown: Shown, count: str = " {}/{}") -> str:
    """Return the stage that a scene is in, with its steps and the time left. count: form of the steps."""
    now = shown.now
    if now is None:
        return "begins"
    left = f", {about(now.left)} left" if now.left and now.left >= 1 else ""
    return f"{now.name}{count.format(now.done, now.total)}{left}"
