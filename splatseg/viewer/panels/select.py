"""The tab Select: tools of the picture, the reach of a click, actions on the selection, visibility."""

from __future__ import annotations

import html
from typing import Any

from splatseg.errors import PromptError
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import (
    Slider,
    add_buttons,
    add_checkbox,
    add_text,
    assign,
    on_change,
    on_submit,
    typed,
)
from splatseg.viewer.panels.selecting.tools import ToolPanel

FIRST_USE = """- **Click** an object in the picture: it is selected at once.
- **Shift** adds, **Ctrl** or **Alt** takes away; hold it and drag for a rectangle. Or choose another **Effect**.
- **Drag** turns, right **drag** moves, the **wheel** zooms."""

STEPS = '<div style="margin:-0.4em 0.75em 0.6em;font-size:0.8125em;line-height:1.35;opacity:0.7">{}</div>'


class SelectPanel:
    """Tools, sliders, steps, visibility, and a new segment from the selection."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._steps: Any = None
        self._told: object = None
        gui = page.gui
        self._hint = gui.add_markdown(FIRST_USE)
        self.tools: ToolPanel = ToolPanel(page)
        self._add_sliders()
        self._add_changes()
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

    def _add_changes(self) -> None:
        page, workspace = self._page, self._page.workspace
        rest = {"Invert": workspace.invert, "Clear": workspace.clear}
        if page.scene.hierarchy is None:
            add_buttons(page, "Selection", rest, hint="Select everything else (I), select nothing (Esc).")
            return
        add_buttons(
            page,
            "Selection",
            {"Grow": workspace.grow, "Shrink": workspace.shrink, **rest},
            hint="Grow to the next larger object or shrink to the next smaller part (G, F), each undoes the other; "
            "select everything else (I), select nothing (Esc).",
        )
        self._steps = page.gui.add_html("", visible=False)

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

    def make_segment(self) -> None:
        """Make a segment from the selection."""
        workspace, table = self._page.workspace, self._page.scene.table
        if table is None:
            raise PromptError("this splat has no table of segments; make one with `splatseg segment RUN`")
        identity = table.create(workspace.members, typed(self._name))
        assign(self._name, "value", "")
        workspace.select_segment(identity, "new")

    def _tell_steps(self) -> None:
        """Say what Grow would take and Shrink would leave out."""
        table = self._page.scene.table
        now = (self._page.workspace.step, None if table is None else table.now)
        if now == self._told or self._page.gone:
            return
        self._told = now
        grow, shrink = self._page.workspace.next_steps()
        lines = [f"Grow takes {html.escape(grow)}" if grow else "", f"Shrink leaves out {html.escape(shrink)}"]
        text = "<br>".join(lines[: 2 if shrink else 1]).removeprefix("<br>")
        assign(self._steps, "content", STEPS.format(text))
        assign(self._steps, "visible", bool(text))

    def refresh(self) -> None:
        """Show the state of the workspace."""
        workspace = self._page.workspace
        self.tools.refresh()
        if self._steps is not None:
            # After the picture: it takes a pass over all Gaussians.
            self._page.streamer.do(self._tell_steps, "steps", draws=False)
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
