"""The tools that select in the picture: which one, its effect, and what it takes."""

from __future__ import annotations

from typing import TypeVar

from splatseg.viewer.page.page import Page
from splatseg.viewer.page.tools import RADIUS, TOLERANCE, Tool
from splatseg.viewer.panels.controls import Choice, Slider, add_buttons
from splatseg.viewer.workspace.region_tools import Takes
from splatseg.viewer.workspace.workspace import How

TOOLS: dict[Tool, str] = {
    "click": "Click",
    "rectangle": "Rectangle",
    "lasso": "Lasso",
    "polygon": "Polygon",
    "brush": "Brush",
    "color": "Colour",
}
"""Labels of the tools."""

TURN = "Turn the view"
"""Label of the click for a splat in which clicks find nothing."""

EFFECTS: dict[How, str] = {"new": "New selection", "add": "Add", "remove": "Take away"}
"""Labels of the effects."""

TAKES: dict[Takes, str] = {
    "objects": "The object it covers",
    "visible": "Only what is visible",
    "everything": "Everything, also behind",
}
"""Labels of what a tool takes."""

WITHOUT = ("click", "color")
"""Tools that take what is at a pixel, so there is nothing to choose."""


Key = TypeVar("Key", bound=str)


class ToolPanel:
    """The switches of the tools, and the flood."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._labels = TOOLS if page.scene.selectable else {**TOOLS, "click": TURN}
        self._tool = Choice(
            page,
            "Tool",
            list(self._labels.values()),
            hint="Click on objects, or draw on the picture: a rectangle (key B), a lasso (L), a polygon (click its "
            "corners; double click, Enter or the first corner closes it), a brush (T); Colour takes all of the colour "
            "at a pixel. While you draw, the right button still moves the view, and the wheel zooms.",
        )
        self._tool.on_change(lambda label: page.tools.use(_key_of(self._labels, label)))
        self._how = Choice(
            page,
            "Effect",
            list(EFFECTS.values()),
            hint="Effect of a click or a stroke without keys. Shift adds and Ctrl or Alt takes away, whatever is set.",
        )
        self._how.on_change(self._set_how)
        takes = [label for key, label in TAKES.items() if key != "objects" or page.scene.selectable]
        self._takes = Choice(
            page,
            "Takes",
            takes,
            hint="What is drawn takes the object that it covers, or only those Gaussians that are seen in it, or all "
            "that lie in it, however many others are in front.",
        )
        self._takes.on_change(self._set_takes)
        self._radius = Slider(page, "Brush", (2.0, 200.0, 1.0, RADIUS), hint="Radius of the brush, pixels.")
        self._radius.on_change(self._set_radius)
        self._tolerance = Slider(
            page,
            "Tolerance",
            (0.005, 0.5, 0.005, TOLERANCE),
            hint="How different colours may be, for the tool Colour and for the flood: 0.02 is hardly seen, 0.1 is "
            "another colour.",
        )
        self._tolerance.on_change(self._set_tolerance)
        add_buttons(
            page,
            "Touching",
            {"Flood": self.flood, "One step": self.flood_a_step},
            hint="Add what touches the selection in space, and what touches that, as long as neighbours differ by less "
            "than the tolerance in colour; or add only what touches it directly.",
        )

    def flood(self) -> None:
        """Flood the selection to what touches it and looks alike."""
        self._page.tools.regions.flood(self._page.tools.tolerance)

    def flood_a_step(self) -> None:
        """Add what touches the selection directly."""
        self._page.tools.regions.flood(steps=1)

    def toggle(self, tool: Tool) -> None:
        """Take a tool, or the click if it is in use already."""
        tools = self._page.tools
        tools.use("click" if tools.tool == tool else tool)

    def refresh(self) -> None:
        """Show the tool and its settings."""
        tools = self._page.tools
        self._tool.show(self._labels[tools.tool])
        self._how.show(EFFECTS[tools.how])
        self._takes.show(TAKES[tools.takes])
        self._takes.visible = tools.tool not in WITHOUT
        self._radius.visible = tools.tool == "brush"

    def _set_how(self, label: str) -> None:
        self._page.tools.how = _key_of(EFFECTS, label)
        self._page.tools.refresh()

    def _set_takes(self, label: str) -> None:
        self._page.tools.takes = _key_of(TAKES, label)

    def _set_radius(self, radius: float) -> None:
        self._page.tools.radius = radius
        self._page.tools.refresh()

    def _set_tolerance(self, tolerance: float) -> None:
        self._page.tools.tolerance = tolerance


def _key_of(labels: dict[Key, str], label: str) -> Key:
    return next(key for key, each in labels.items() if each == label)
