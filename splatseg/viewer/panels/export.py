"""The tab for taking things away: objects, masks, a screenshot, a film of a camera path.

Files are written on the server, under the folder shown at the top; a single file is also offered to the browser.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from splatseg.errors import PromptError
from splatseg.output import FORMATS
from splatseg.viewer import exports
from splatseg.viewer.page import Page
from splatseg.viewer.panels.controls import add_buttons, assign
from splatseg.viewer.panels.film import FilmControls

MOST_DOWNLOAD = 512 * 1024 * 1024
"""Larger files are left on the server: a browser holds a download in memory."""

SUFFIXES = tuple(f".{name}" for name, kind in FORMATS.items() if kind.splat)


class ExportPanel:
    """Buttons that write files, and how far the writing is."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._share: float | None = None
        self._text = f"Files go to `{page.exports}`."
        gui = page.gui
        self._status = gui.add_markdown(self._text)
        self._bar = gui.add_progress_bar(0.0, visible=False, animated=True)
        self._format = gui.add_dropdown(
            "Format",
            SUFFIXES,
            hint="The kind of file for objects. .ply keeps features and segment ids; .glb and .usd keep segments; what "
            "others have no room for is told.",
        )
        add_buttons(
            page,
            "Objects",
            {"Selection": self.selection, "The rest": self.rest, "Each segment": self.segments},
            hint="The selection as a splat of its own; everything but the selection; or one file for each segment.",
        )
        add_buttons(
            page,
            "Pictures",
            {"Screenshot": self.screenshot, "Masks of all views": self.masks},
            hint="What you see now, as a PNG (P); or the selection's mask in every view of the capture, as PNGs.",
        )
        with gui.add_folder("Film of a camera path"):
            self.film = FilmControls(page, self)

    def selection(self) -> None:
        """Write the selection as a splat."""
        members = self._members()
        path = self.new_path("selection", str(self._format.value))
        self.write(lambda: exports.export_selection(self._page.scene, members, path), path)

    def rest(self) -> None:
        """Write everything but the selection."""
        members = self._members()
        path = self.new_path("rest", str(self._format.value))
        self.write(lambda: exports.export_rest(self._page.scene, members, path), path)

    def segments(self) -> None:
        """Write every segment into a folder."""
        folder, suffix = self.new_path("segments", ""), str(self._format.value)
        self.write(lambda: exports.export_all_segments(self._page.scene, folder, suffix, self.progress), folder)

    def masks(self) -> None:
        """Write the selection's mask in every view."""
        members, folder = self._members(), self.new_path("masks", "")
        self.write(lambda: exports.export_masks_of_all_views(self._page.scene, members, folder, self.progress), folder)

    def screenshot(self) -> None:
        """Write what is seen now."""
        path = self.new_path("screenshot", ".png")
        camera = self._page.camera
        self.write(lambda: exports.screenshot(self._page.workspace, camera, path), path)

    def _members(self) -> np.ndarray:
        if not self._page.workspace.count:
            raise PromptError("select something first, then export it")
        return self._page.workspace.members.copy()

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
        self.film.refresh()
