"""The tab that says how everything is done, and the keys."""

from __future__ import annotations

from splatseg.viewer.page.page import Page

MOUSE = """#### In the picture
| | |
|---|---|
| Click | select the object |
| Shift + click | add another |
| Ctrl or Alt + click | take away |
| Shift, Ctrl or Alt + drag | the same with a rectangle |
| Drag | turn around the point ahead |
| Right drag | move sideways |
| Wheel | nearer, farther |
| W A S D Q E, arrows | walk, rise, turn |

A green dot marks a click that adds, a red one a click that takes away.
"""

ABOUT = """The list of segments is shared by all browsers and kept in the run; each browser has a selection of its own,
and finds it again when it comes back."""


class HelpPanel:
    """Texts, made of the same table of keys that the page listens to."""

    def __init__(self, page: Page, keys: list[tuple[str, str]]) -> None:
        """keys: (key, what it does)."""
        page.gui.add_markdown(MOUSE)
        rows = "".join(f"| {key} | {what} |\n" for key, what in keys)
        page.gui.add_markdown(f"#### Keys\n| | |\n|---|---|\n{rows}| Ctrl + K | all commands, by name |\n")
        page.gui.add_markdown(ABOUT)

    def refresh(self) -> None:
        """Nothing here changes."""
