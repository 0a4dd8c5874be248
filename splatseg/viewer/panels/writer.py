"""What writes a page's files: where they go, how far it is, and the download when it is one file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from splatseg.errors import PromptError
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import assign
from splatseg.viewer.writing import exports

MOST_DOWNLOAD = 512 * 1024 * 1024
"""Larger files are left on the server: a browser holds a download in memory."""


class Writer:
    """Writes one thing at a time, beside the page; shows a line and a bar where it is made."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._share: float | None = None
        self._text = f"Files go to `{page.exports}`."
        self._status = page.gui.add_markdown(self._text)
        self._bar = page.gui.add_progress_bar(0.0, visible=False, animated=True)

    def new_path(self, stem: str, suffix: str) -> Path:
        """A path in the folder of exports that is not there yet."""
        return exports.new_path(self._page.exports, stem, suffix)

    def progress(self, done: int, total: int) -> None:
        """So much of what is being written is done."""
        self._share = 100.0 * done / max(total, 1)
        self._page.tell()

    def write(self, work: Callable[[], str | None], path: Path) -> None:
        """Write in the background; then say where it is, and offer it to the browser if it is one file."""

        def run() -> None:
            try:
                told = work()
                lost = f" {told.split('; ', 1)[1]}." if told and "; " in told else ""
                self._text = f"Written: `{path.name}`, in `{self._page.exports}`.{lost}"
            except BaseException:
                self._text = f"Files go to `{self._page.exports}`."
                raise
            finally:
                self._share = None
                self._page.tell()
            if path.is_file() and path.stat().st_size <= MOST_DOWNLOAD:
                self._page.client.send_file_download(path.name, path.read_bytes())
            else:
                self._page.say("Written", str(path), color="green", seconds=8.0)

        if self._page.busy:
            raise PromptError("another file is being written; this one can be written after it")
        self._share = 0.0
        self._text = f"Writing `{path.name}` …"
        self._page.in_background("export", run)

    def refresh(self) -> None:
        """Show what is being written."""
        assign(self._status, "content", self._text)
        assign(self._bar, "visible", self._share is not None)
        if self._share is not None:
            assign(self._bar, "value", max(self._share, 4.0))
