"""Keyboard shortcuts and commands: one table for the page and for the help.

W A S D Q E and the arrows belong to viser's camera; Ctrl+K opens the palette of commands.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from splatseg.viewer.page.page import Modifier, Page
from splatseg.viewer.panels.controls import Key, add_command


@dataclass(frozen=True)
class Shortcut:
    """A command, with its keyboard shortcut if it has one."""

    label: str
    """Text of the command in the palette and the help."""
    action: Callable[[], None]
    """The function that the command runs."""
    key: Key | None = None
    """Key by its name in viser ("G", "escape"); None for a command without a shortcut."""
    modifier: Modifier | None = None
    """Modifier key by its name in viser ("shift", "cmd/ctrl", ...)."""

    @property
    def keys(self) -> str:
        """The shortcut as the help shows it: "Ctrl + Shift + Z"."""
        names = [part.capitalize().replace("Cmd/ctrl", "Ctrl") for part in (self.modifier or "").split("+") if part]
        return " + ".join([*names, _SHOWN.get(self.key or "", self.key or "")])


_SHOWN = {"escape": "Esc", "pageup": "PageUp", "pagedown": "PageDown"}


def listen(page: Page, shortcuts: list[Shortcut]) -> list[tuple[str, str]]:
    """Add the commands to a page; return pairs of key and label for those that have a key."""
    for shortcut in shortcuts:
        add_command(page, shortcut.label, shortcut.action, shortcut.key, shortcut.modifier)
    return [(shortcut.keys, shortcut.label) for shortcut in shortcuts if shortcut.key]
