"""The controls for cleaning: a strength, a preview that selects what would go, and ways to be rid of it."""

from __future__ import annotations

import numpy as np

from splatseg.clean.judge import STRENGTH, Judgement
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import Choice, Slider, add_buttons, assign
from splatseg.viewer.panels.writer import Writer
from splatseg.viewer.writing import exports

IDLE = "Floaters, needles and what lies outside the capture. Preview selects them."
LOOKING = "Looking for floaters …"


class CleanControls:
    """The strength, the floaters found at it by reason, and the buttons that select, hide or leave them out."""

    def __init__(self, page: Page, writer: Writer, file_format: Choice) -> None:
        self._page, self._writer, self._format = page, writer, file_format
        self._found: Judgement | None = None
        self._looking = False
        self._share = 0.0
        self._strength = Slider(
            page,
            "Strength",
            (0.0, 1.0, 0.05, STRENGTH),
            hint="From 0, only what no view of the capture sees, to 1. What segments of high confidence hold stays.",
        )
        self._strength.on_change(lambda _: self.preview())
        add_buttons(
            page,
            "Floaters",
            {"Preview": self.preview, "Hide": self.hide, "Export without": self.export},
            hint="Select what would go (O shows it alone); hide it in this page; or write the splat without it.",
        )
        self._status = page.gui.add_markdown(IDLE)
        self._bar = page.gui.add_progress_bar(0.0, visible=False, animated=True)

    def preview(self) -> None:
        """Select what would go at the present strength."""
        self._look(hide=False)

    def hide(self) -> None:
        """Hide what would go at the present strength."""
        self._look(hide=True)

    def export(self) -> None:
        """Write the splat without what would go at the present strength."""
        strength, path = self._strength.value, self._writer.new_path("clean", self._format.value)
        scene = self._page.scene

        def write() -> str:
            found = scene.cleaner.find(strength, progress=self._writer.progress)
            return exports.export_rest(scene, found.gone, path)

        self._writer.write(write, path)

    def _look(self, hide: bool) -> None:
        cleaner = self._page.scene.cleaner
        if cleaner.ready:
            self._show(hide)
        elif not self._looking:

            def gather() -> None:
                try:
                    cleaner.gathered(self._progress)
                    self._page.do(lambda: self._show(hide), key="clean")
                finally:
                    self._looking = False
                    self._page.tell()

            self._share, self._looking = 0.0, True
            try:
                self._page.in_background("clean", gather)
            except BaseException:  # another task runs
                self._looking = False
                raise

    def _show(self, hide: bool) -> None:
        """Select or hide the floaters at the strength that the slider has by now."""
        self._found = self._page.scene.cleaner.find(self._strength.value)
        workspace, gone = self._page.workspace, self._found.gone
        if hide:
            workspace.hide(gone)
        else:
            shown = gone if workspace.hidden is None else gone & ~workspace.hidden
            workspace.select_gaussians(shown, slider="clean")

    def _progress(self, done: int, total: int) -> None:
        self._share = 100.0 * done / max(total, 1)
        self._page.tell()

    def refresh(self) -> None:
        """Show what was found, or how far the search is."""
        assign(self._status, "content", LOOKING if self._looking else self._described())
        assign(self._bar, "visible", self._looking)
        if self._looking:
            assign(self._bar, "value", max(self._share, 4.0))

    def _described(self) -> str:
        if self._found is None:
            return IDLE
        gone = int(np.count_nonzero(self._found.gone))
        lines = [f"{gone:,} of {len(self._found.gone):,} Gaussians would go:", ""]
        return "\n".join([*lines, *(f"- {line}" for line in self._found.describe())])
