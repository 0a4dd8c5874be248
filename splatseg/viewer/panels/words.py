"""Selects by words: a text field, and the results; without a model, the line that gets one."""

from __future__ import annotations

import html
import shlex

from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import add_buttons, add_text, as_markdown, assign, on_submit, typed

WAY = (
    '<div style="margin:0 0.75em 0.9em;font-size:0.875em;line-height:1.45">To <b>select by words</b>, describe the '
    'segments with a CLIP or SigLIP:<br><code style="overflow-wrap:anywhere">splatseg words {path} --model DIR</code>'
    "<br>or start this viewer with <code>--model DIR</code>.</div>"
)


class WordsPanel:
    """The form By words and its results."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._told = ""
        with page.gui.add_form("By words") as form:
            self._text = add_text(
                page,
                "Words",
                hint="The object in words: red mug. Several with commas, and not ... for exceptions: book, not atlas.",
            )
            add_buttons(
                page,
                "Select",
                {"Find": self.find},
                hint="Select the object, or say that it is not here (Enter). Needs a model: see --model.",
            )
        on_submit(page, form, self.find)
        self._form = form
        run = page.scene.run
        path = "RUN" if run is None else html.escape(shlex.quote(str(run.path)))
        self._way = page.gui.add_html(WAY.format(path=path), visible=False)
        self._status = page.gui.add_markdown("", visible=False)

    def find(self) -> None:
        """Find the words in a thread of its own, then select."""
        text, workspace = typed(self._text), self._page.workspace
        self._told = "Searching …"

        def ask() -> None:
            try:
                found = self._page.scene.text(text)
            except BaseException:
                self._told = ""
                self._page.tell()
                raise
            self._told = "\n".join(f"- {as_markdown(fact)}" for fact in found.facts)
            self._page.do(lambda: workspace.select_gaussians(found.members), key="words")

        self._page.in_background("words", ask)

    def refresh(self) -> None:
        """Show the form if there is a model, and the results."""
        ready = self._page.scene.understands_words
        assign(self._form, "visible", ready)
        assign(self._way, "visible", not ready)
        assign(self._status, "content", self._told)
        assign(self._status, "visible", bool(self._told))
