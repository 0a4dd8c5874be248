"""The mode of the picture and the selection: above the tabs, always in sight."""

from __future__ import annotations

import html

from splatseg.render.overlays import SELECTED
from splatseg.viewer.page.page import Page
from splatseg.viewer.panels.controls import Choice, assign

LABELS = {
    "color": "Colour",
    "overlay": "Segments over colour",
    "segments": "Segments",
    "similarity": "Similarity to the selection",
    "features": "Features",
    "depth": "Depth",
    "masks": "Input masks (at a view)",
}
"""Labels of the modes, in the order of the keys 1 to 7."""

AMBER = "#{:02x}{:02x}{:02x}".format(*SELECTED)

WARNING = "var(--mantine-color-orange-6)"

CARD = (
    '<div style="margin:0 0.75em 0.6em;padding:0.5em 0.7em;border-radius:4px;font-size:0.875em;line-height:1.35;'
    'background:var(--mantine-color-default-hover);border-left:3px solid {color}">{text}</div>'
)
NOTHING = "Nothing is selected. <b>Click an object</b> in the picture."
NO_FEATURES = (
    "Nothing is selected. Draw a <b>lasso</b> (key L): this splat has no segments that a click could select. "
    "<code>splatseg train CAPTURE --splats FILE --masks DIR</code> finds some."
)


class ShowPanel:
    """The mode of the picture and the card of the selection."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self._modes = {LABELS[mode]: mode for mode in offered_modes(page)}
        self._mode = Choice(
            page,
            "Show",
            tuple(self._modes),
            initial=LABELS[page.workspace.mode],
            hint="Content of the picture (keys 1 to 7). Features are shown as colours, by their three principal "
            "components, the same in every view.",
        )
        self._mode.on_change(lambda label: self.set_mode(self._modes[label]))
        self._card = page.gui.add_html("")
        self._trouble = page.gui.add_html("", visible=False)
        self.refresh()

    def set_mode(self, mode: str) -> None:
        """Change the mode of the picture."""
        self._page.workspace.mode = mode

    def refresh(self) -> None:
        """Show the present mode and selection."""
        self._mode.show(LABELS[self._page.workspace.mode])
        # After the picture: it takes passes over the selection and the votes.
        self._page.streamer.do(self._tell, "card", draws=False)
        trouble = self._page.scene.trouble
        assign(
            self._trouble, "content", CARD.format(color=WARNING, text=html.escape(trouble[:1].upper() + trouble[1:]))
        )
        assign(self._trouble, "visible", bool(trouble))

    def _tell(self) -> None:
        if not self._page.gone:
            assign(self._card, "content", self._describe())

    def _describe(self) -> str:
        workspace = self._page.workspace
        if workspace.count:
            remarks = [f"<br><small>{html.escape(line)}</small>" for line in workspace.remarks.splitlines()]
            text = html.escape(workspace.describe()) + "".join(remarks)
            return CARD.format(color=AMBER, text=text)
        text = NOTHING if self._page.scene.selectable else NO_FEATURES
        return CARD.format(color="var(--mantine-color-default-border)", text=text)


def offered_modes(page: Page) -> tuple[str, ...]:
    """Return the modes that this scene has data for, in the order of the keys 1, 2, ..."""
    return tuple(mode for mode in LABELS if mode in page.scene.modes)
