"""The tab Help: mouse, keys, and how selections are kept."""

from __future__ import annotations

from splatseg.viewer.page.page import Page

MOUSE = """#### In the picture
| | |
|---|---|
| Click | select an object |
| The same click again | its group, then its parts |
| Shift + click | add an object |
| Ctrl or Alt + click | take away |
| Shift, Ctrl or Alt + drag | the same with a rectangle |
| Drag, with another tool | rectangle, lasso, polygon, brush |
| Drag | turn around the point ahead |
| Right drag | move sideways |
| Wheel | move closer, farther |
| W A S D Q E, arrows | walk, rise, turn |

A green dot marks a click that adds, a red dot a click that takes away. Tools are chosen in the tab Select; what Shift,
Ctrl and Alt do can be set there, too, for a screen without keys. A polygon is closed by a double click or Enter, and
given up by Esc.
"""

ABOUT = """All browsers share the list of segments, which is saved in the run. Each browser has a selection of its own,
which is saved too: it finds it again, with its undo; a new browser begins clean."""


class HelpPanel:
    """The texts of the tab, with the keys that the page listens to."""

    def __init__(self, page: Page, keys: list[tuple[str, str]]) -> None:
        """Add the texts. keys: pairs of a key and its command."""
        page.gui.add_markdown(MOUSE)
        rows = "".join(f"| {key} | {what} |\n" for key, what in keys)
        page.gui.add_markdown(f"#### Keys\n| | |\n|---|---|\n{rows}| Ctrl + K | all commands, by name |\n")
        page.gui.add_markdown(ABOUT)

    def refresh(self) -> None:
        """Do nothing: the texts never change."""
