"""The tab Export: objects, masks, a screenshot, the splat without floaters, a film of a camera path.

Files are written on the server, in the folder shown at the top; a single file is also downloaded by the browser.
"""

from __future__ import annotations

import numpy as np

from splatseg.errors import PromptError
from splatseg.formats.write import FORMATS
from splatseg.plain_text import file_stem
from splatseg.scene.summary import name_of_members
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.clean import CleanControls
from splatseg.viewer.panels.controls import Choice, add_buttons, add_checkbox, add_text, typed
from splatseg.viewer.panels.film import FilmControls
from splatseg.viewer.panels.writer import Writer
from splatseg.viewer.writing import exports

SUFFIXES = tuple(f".{name}" for name, kind in FORMATS.items() if kind.splat)


class ExportPanel:
    """The buttons that write files, and their progress."""

    def __init__(self, page: Page) -> None:
        self._page, self._writer, gui = page, Writer(page), page.gui
        self._format = Choice(
            page,
            "Format",
            SUFFIXES,
            hint="File format of objects. .ply keeps features and segment ids, .glb and .usd keep segments; after "
            "writing, the line at the top lists what a format cannot hold.",
        )
        self._name = add_text(
            page, "Name", hint="Beginning of the names of files; if it is empty, the name of what is selected."
        )
        add_buttons(
            page,
            "Objects",
            {"Selection": self.selection, "The rest": self.rest, "Each segment": self.segments, "Mesh": self.mesh},
            hint="The selection as a splat of its own; everything but the selection; one file per segment; or the "
            "selection as a closed mesh (.glb), which takes some seconds.",
        )
        add_buttons(
            page,
            "Pictures",
            {"Screenshot": self.screenshot, "Masks of all views": self.masks},
            hint="The present picture as a PNG (P); or the selection's mask in every view of the capture, as PNGs.",
        )
        self._marked = add_checkbox(
            page,
            "Highlight",
            True,
            hint="Mark the selection in screenshots and films as in the page, or show it as it is.",
        )
        with gui.add_folder("Clean"):
            self.clean: CleanControls = CleanControls(page, self._writer, self._format)
        with gui.add_folder("Film of a camera path"):
            self.film: FilmControls = FilmControls(page, self._writer, lambda: bool(self._marked.value))

    def selection(self) -> None:
        """Write the selection as a splat."""
        members = self._members()
        path = self._writer.new_path(self._called("{}", "selection"), self._format.value)
        self._writer.write(lambda: exports.export_selection(self._page.scene, members, path), path)

    def rest(self) -> None:
        """Write everything but the selection."""
        members = self._members()
        path = self._writer.new_path(self._called("without_{}", "rest"), self._format.value)
        self._writer.write(lambda: exports.export_rest(self._page.scene, members, path), path)

    def mesh(self) -> None:
        """Write the selection as a mesh."""
        members = self._members()
        path = self._writer.new_path(self._called("{}_mesh", "mesh"), ".glb")
        self._writer.write(lambda: exports.export_mesh(self._page.scene, members, path), path)

    def segments(self) -> None:
        """Write every segment into a folder."""
        stem = file_stem(typed(self._name)) if typed(self._name).strip() else "segments"
        folder, suffix = self._writer.new_path(stem, ""), self._format.value
        self._writer.write(
            lambda: exports.export_all_segments(self._page.scene, folder, suffix, self._writer.progress), folder
        )

    def masks(self) -> None:
        """Write the selection's mask in every view."""
        members, folder = self._members(), self._writer.new_path(self._called("{}_masks", "masks"), "")
        self._writer.write(
            lambda: exports.export_masks_of_all_views(self._page.scene, members, folder, self._writer.progress), folder
        )

    def screenshot(self) -> None:
        """Write the present picture."""
        path = self._writer.new_path("screenshot", ".png")
        camera = self._page.camera
        marked = bool(self._marked.value)
        self._writer.write(lambda: exports.screenshot(self._page.workspace, camera, path, marked), path)

    def _called(self, form: str, otherwise: str) -> str:
        """Return a form with the name as typed, or of the segments that are selected; `otherwise` without either."""
        if typed(self._name).strip():
            return form.format(file_stem(typed(self._name)))
        table, members = self._page.scene.table, self._page.workspace.members
        name = name_of_members(members, None if table is None else table.now)
        return form.format(file_stem(name)) if name else otherwise

    def _members(self) -> np.ndarray:
        if not self._page.workspace.count:
            raise PromptError("nothing is selected; select something first")
        return self._page.workspace.members.copy()

    def refresh(self) -> None:
        """Show the progress of writing."""
        self._writer.refresh()
        self.clean.refresh()
        self.film.refresh()
