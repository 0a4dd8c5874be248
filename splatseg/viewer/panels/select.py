"""The tab for selecting: how far a click reaches, what is done to the selection, what is hidden."""

from __future__ import annotations

from splatseg.errors import PromptError
from splatseg.viewer.page import Page
from splatseg.viewer.panels.controls import add_buttons, assign, on_change

FIRST_USE = """- **Click** an object in the picture: it is selected at once.
- **Shift** adds, **Ctrl** or **Alt** takes away; with a drag, by rectangle.
- **Drag** turns, right **drag** moves, the **wheel** zooms."""

TURN, BOX = "Turn the view", "Draw a rectangle"


class SelectPanel:
    """Prompts, sliders, steps, visibility, and a new segment from the selection."""

    def __init__(self, page: Page) -> None:
        self._page = page
        gui = page.gui
        self._hint = gui.add_markdown(FIRST_USE)
        self._drag = gui.add_dropdown(
            "Drag",
            (TURN, BOX),
            hint="What dragging does with no key held (key B). A rectangle selects what is drawn inside it; with Shift "
            "it adds, with Ctrl or Alt it takes away.",
        )
        on_change(page, self._drag, lambda value: page.set_rectangle(value == BOX))
        self._add_sliders()
        add_buttons(
            page,
            "Selection",
            {
                "Grow": page.workspace.grow,
                "Shrink": page.workspace.shrink,
                "Invert": page.workspace.invert,
                "Clear": page.workspace.clear,
            },
            hint="Grow or shrink by one step (G, F), select everything else (I), select nothing (Esc).",
        )
        add_buttons(
            page,
            "Steps",
            {"Undo": self.undo, "Redo": self.redo},
            hint="Undo and redo (Ctrl+Z, Ctrl+Shift+Z), 50 steps.",
        )
        add_buttons(
            page,
            "Visibility",
            {
                "Hide": page.workspace.hide_selection,
                "Isolate": page.workspace.isolate_selection,
                "Show all": page.workspace.show_all,
            },
            hint="Hide the selection (H), hide everything else (O), show everything again (Shift+H). What is hidden is "
            "not clicked either.",
        )
        self._add_naming()
        self.refresh()

    def _add_sliders(self) -> None:
        page, gui, workspace = self._page, self._page.gui, self._page.workspace
        self._granularity = gui.add_slider(
            "Granularity",
            0.0,
            1.0,
            0.01,
            workspace.granularity or 0.0,
            marks=((0.0, "whole"), (1.0, "part")),
            visible=page.scene.hierarchy is not None,
            hint="From the whole group to the smallest part: clicks are done again with it while you drag.",
        )
        on_change(page, self._granularity, workspace.set_granularity)
        self._automatic = gui.add_checkbox(
            "Auto threshold",
            workspace.threshold is None,
            visible=page.scene.splats.features is not None,
            hint="The boundary of a click is found from the data. Untick to set how alike things must be yourself.",
        )
        on_change(page, self._automatic, self._set_automatic)
        self._threshold = gui.add_slider(
            "Threshold",
            0.0,
            1.0,
            0.005,
            workspace.threshold if workspace.threshold is not None else 0.8,
            visible=False,
            hint="How alike to the click a Gaussian must be: lower selects more. Acts while you drag.",
        )
        on_change(page, self._threshold, workspace.set_threshold)

    def _add_naming(self) -> None:
        page = self._page
        with page.gui.add_folder("New segment from the selection", visible=page.scene.table is not None):
            self._name = page.gui.add_text(
                "Name", "", hint="What the new segment is called; empty: it is called by its number."
            )
            add_buttons(
                page,
                "",
                {"Make segment": self.make_segment},
                hint="The selected Gaussians become a segment of their own (N). Other segments keep the rest.",
            )

    def _set_automatic(self, on: bool) -> None:
        self._page.workspace.set_threshold(None if on else float(self._threshold.value))

    def undo(self) -> None:
        """Undo the last step of the selection."""
        if not self._page.workspace.can_undo:
            raise PromptError("there is nothing to undo")
        self._page.workspace.undo()

    def redo(self) -> None:
        """Do again what was undone."""
        if not self._page.workspace.can_redo:
            raise PromptError("there is nothing to redo")
        self._page.workspace.redo()

    def toggle_rectangle(self) -> None:
        """Change what a plain drag does."""
        self._page.set_rectangle(not self._page.rectangle)

    def make_segment(self) -> None:
        """Make a segment of the selection."""
        workspace, table = self._page.workspace, self._page.scene.table
        if table is None:
            raise PromptError("this splat has no table of segments; make one with `splatseg segment RUN`")
        if not workspace.count:
            raise PromptError("select something first, then make a segment of it")
        identity = table.create(workspace.members, str(self._name.value).strip())
        self._name.value = ""
        workspace.select_segment(identity, "new")

    def refresh(self) -> None:
        """Show the state of the workspace."""
        workspace = self._page.workspace
        assign(self._drag, "value", BOX if self._page.rectangle else TURN)
        assign(self._hint, "visible", not workspace.count and not workspace.can_undo)
        if workspace.granularity is not None:
            assign(self._granularity, "value", workspace.granularity)
        assign(self._automatic, "value", workspace.threshold is None)
        has_features = self._page.scene.splats.features is not None
        assign(self._threshold, "visible", has_features and workspace.threshold is not None)
        if workspace.threshold is not None:
            assign(self._threshold, "value", workspace.threshold)
