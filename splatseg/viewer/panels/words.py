"""Selecting by words: a line to write in, and what was found."""

from __future__ import annotations

from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import add_buttons, assign, on_submit, typed


class WordsPanel:
    """A form whose words become a selection."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._told = ""
        with page.gui.add_form("By words") as form:
            self._text = page.gui.add_text(
                "Words",
                "",
                hint="What is meant: red mug. Commas between several, and not ... for what is not: book, not atlas.",
            )
            add_buttons(
                page,
                "Select",
                {"Find": self.find},
                hint="Select what the words mean, or say that it is not here (Enter). Needs a model: see --model.",
            )
        on_submit(page, form, self.find)
        self._status = page.gui.add_markdown("", visible=False)

    def find(self) -> None:
        """Ask the model beside the page, then select."""
        text, workspace = typed(self._text), self._page.workspace
        self._told = "Looking …"

        def ask() -> None:
            try:
                found = self._page.scene.text(text)
            except BaseException:
                self._told = ""
                self._page.tell()
                raise
            self._told = "\n".join(f"- {fact}" for fact in found.facts)
            self._page.do(lambda: workspace.select_gaussians(found.members))

        self._page.in_background("words", ask)

    def refresh(self) -> None:
        """Show what was found."""
        assign(self._status, "content", self._told)
        assign(self._status, "visible", bool(self._told))
