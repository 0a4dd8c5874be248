"""Writes a page's files in the background: shows folder and progress, and downloads a single file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from splatseg.errors import PromptError
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import as_markdown, assign
from splatseg.viewer.writing import exports

MOST_DOWNLOAD = 512 * 1024 * 1024
"""Most bytes of a download, which the browser holds in memory; larger files stay on the server."""


class Writer:
    """Writes one export at a time in the background; shows a line and a bar at its place in the panel."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._share: float | None = None
        self._text = self._place = f"Files go to {as_markdown(str(page.exports))}."
        self._status = page.gui.add_markdown(self._text)
        self._bar = page.gui.add_progress_bar(0.0, visible=False, animated=True)

    def new_path(self, stem: str, suffix: str) -> Path:
        """Return a new path in the folder of exports."""
        return exports.new_path(self._page.exports, stem, suffix)

    def progress(self, done: int, total: int) -> None:
        """Show how much of an export is written."""
        self._share = 100.0 * done / max(total, 1)
        self._page.tell()

    def write(self, work: Callable[[], str | None], path: Path) -> None:
        """Run `work` in the background; then show where the file is, and download it if it is a single file."""

        def run() -> None:
            try:
                told = work()
                lost = f" {as_markdown(told.split('; ', 1)[1])}." if told and "; " in told else ""
                self._text = f"Written: {as_markdown(path.name)}, in {as_markdown(str(self._page.exports))}.{lost}"
            except BaseException:
                self._text = self._place
                raise
            finally:
                self._share = None
                self._page.tell()
            if path.is_file() and path.stat().st_size <= MOST_DOWNLOAD:
                self._page.download(path)
            else:
                self._page.say("Written", str(path), color="green", seconds=8.0)

        if self._page.busy:
            raise PromptError("another file is being written; wait until it is complete")
        self._share = 0.0
        self._text = f"Writing {as_markdown(path.name)} …"
        self._page.in_background("export", run)

    def refresh(self) -> None:
        """Show the progress of writing."""
        assign(self._status, "content", self._text)
        assign(self._bar, "visible", self._share is not None)
        if self._share is not None:
            assign(self._bar, "value", max(self._share, 4.0))
