"""The tab Select: the reach of a click, actions on the selection, visibility."""

from __future__ import annotations

from splatseg.errors import PromptError
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import (
    Choice,
    Slider,
    add_buttons,
    add_checkbox,
    add_text,
    assign,
    on_change,
    on_submit,
    typed,
)

FIRST_USE = """- **Click** an object in the picture: it is selected at once.
- **Shift** adds, **Ctrl** or **Alt** takes away; hold it and drag for a rectangle.
- **Drag** turns, right **drag** moves, the **wheel** zooms."""

TURN, BOX = "Turn the view", "Draw a rectangle"


class SelectPanel:
    """Drag mode, sliders, steps, visibility, and a new segment from the selection."""

    def __init__(self, page: Page) -> None:
        self._page = page
        gui = page.gui
        self._hint = gui.add_markdown(FIRST_USE)
        self._drag = Choice(
            page,
            "Drag",
            (TURN, BOX),
            hint="Effect of a drag without modifier keys (key B). A rectangle selects the object that fills it; with "
            "Shift it adds, with Ctrl or Alt it takes away.",
        )
        self._drag.on_change(lambda option: page.set_rectangle(option == BOX))
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
            hint="Grow to the next larger object or shrink to the next smaller part (G, F), select everything else "
            "(I), select nothing (Esc).",
        )
        add_buttons(
            page,
            "History",
            {"Undo": self.undo, "Redo": self.redo},
            hint="Undo and redo (Ctrl+Z, Ctrl+Shift+Z), up to 50 steps.",
        )
        add_buttons(
            page,
            "Visibility",
            {
                "Hide": page.workspace.hide_selection,
                "Isolate": page.workspace.isolate_selection,
                "Show all": page.workspace.show_all,
            },
            hint="Hide the selection (H), hide everything else (O), show everything again (Shift+H). Clicks pass "
            "through hidden Gaussians.",
        )
        self._add_naming()
        self.refresh()

    def _add_sliders(self) -> None:
        page, workspace = self._page, self._page.workspace
        has_features, has_hierarchy = "features" in page.scene.modes, page.scene.hierarchy is not None
        self._automatic = add_checkbox(
            page,
            "Automatic",
            True,
            visible=has_features or has_hierarchy,
            hint="Find the reach of a click from the data. Moving a slider turns this off; tick it to turn it on.",
        )
        on_change(page, self._automatic, self._set_automatic)
        self._granularity = Slider(
            page,
            "Granularity",
            (0.0, 1.0, 0.01, 0.5),
            marks=((0.0, "part"), (1.0, "group")),
            visible=has_hierarchy,
            hint="From the smallest part to the whole group; the selection follows while you drag.",
        )
        self._granularity.on_change(workspace.set_granularity)
        self._threshold = Slider(
            page,
            "Threshold",
            (0.0, 1.0, 0.005, 0.8),
            marks=((0.0, "more"), (1.0, "less")),
            visible=has_features,
            hint="Least similarity of a Gaussian to the click: a lower value selects more, while you drag.",
        )
        self._threshold.on_change(workspace.set_threshold)
        self._held = page.gui.add_markdown("", visible=False)

    def _add_naming(self) -> None:
        page = self._page
        if page.scene.table is None:
            return
        with page.gui.add_form("New segment from the selection") as form:
            self._name = add_text(page, "Name", hint="Name of the new segment; if empty, it is named by its number.")
            add_buttons(
                page,
                "Segment",
                {"Make segment": self.make_segment},
                hint="Make the selected Gaussians a segment of their own (N or Enter); they leave their old segments.",
            )
        on_submit(page, form, self.make_segment)

    def _set_automatic(self, on: bool) -> None:
        workspace = self._page.workspace
        if on:
            workspace.set_threshold(None)
            workspace.set_granularity(None)
        elif self._page.scene.hierarchy is not None:
            workspace.set_granularity(self._granularity.value)
        else:
            workspace.set_threshold(self._threshold.value)

    def undo(self) -> None:
        """Undo the last step of the selection."""
        if not self._page.workspace.can_undo:
            raise PromptError("there is nothing to undo")
        self._page.workspace.undo()

    def redo(self) -> None:
        """Redo the step of the selection that was undone last."""
        if not self._page.workspace.can_redo:
            raise PromptError("there is nothing to redo")
        self._page.workspace.redo()

    def toggle_rectangle(self) -> None:
        """Switch a drag without modifier keys between turning and drawing a rectangle."""
        self._page.set_rectangle(not self._page.rectangle)

    def make_segment(self) -> None:
        """Make a segment from the selection."""
        workspace, table = self._page.workspace, self._page.scene.table
        if table is None:
            raise PromptError("this splat has no table of segments; make one with `splatseg segment RUN`")
        identity = table.create(workspace.members, typed(self._name))
        assign(self._name, "value", "")
        workspace.select_segment(identity, "new")

    def refresh(self) -> None:
        """Show the state of the workspace."""
        workspace = self._page.workspace
        self._drag.show(BOX if self._page.rectangle else TURN)
        untouched = not workspace.count and not workspace.can_undo
        assign(self._hint, "visible", workspace.scene.selectable and untouched)
        assign(self._automatic, "value", workspace.granularity is None and workspace.threshold is None)
        if workspace.granularity is not None:
            self._granularity.show(workspace.granularity)
        if workspace.threshold is not None:
            self._threshold.show(workspace.threshold)
        values = {"granularity": workspace.granularity, "threshold": workspace.threshold}
        told = " and ".join(f"{name} {value:g}" for name, value in values.items() if value is not None)
        assign(self._held, "content", f"*All clicks now take {told}; tick Automatic to end that.*")
        assign(self._held, "visible", bool(told))
