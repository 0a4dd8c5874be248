"""Keys and commands: one table that the page listens to and that the help shows.

W A S D Q E and the arrows belong to viser's camera, Ctrl+K opens the palette of commands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from splatseg.viewer.page.page import Modifier, Page
from splatseg.viewer.panels.controls import Key, add_command


@dataclass(frozen=True)
class Shortcut:
    """One command; key in viser's words ("G", "escape"), modifier "shift", "cmd/ctrl", ..."""

    label: str
    action: Callable[[], None]
    key: Key | None = None
    modifier: Modifier | None = None

    @property
    def keys(self) -> str:
        """As people write it: "Ctrl + Shift + Z"."""
        names = [part.capitalize().replace("Cmd/ctrl", "Ctrl") for part in (self.modifier or "").split("+") if part]
        return " + ".join([*names, _SHOWN.get(self.key or "", self.key or "")])


_SHOWN = {"escape": "Esc", "pageup": "PageUp", "pagedown": "PageDown"}


def listen(page: Page, shortcuts: list[Shortcut]) -> list[tuple[str, str]]:
    """Make commands of them; the table (key, what it does) of those that have a key."""
    for shortcut in shortcuts:
        add_command(page, shortcut.label, shortcut.action, shortcut.key, shortcut.modifier)
    return [(shortcut.keys, shortcut.label) for shortcut in shortcuts if shortcut.key]
