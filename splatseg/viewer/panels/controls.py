"""Controls of a panel: each runs its action in the page's thread, in order, and has a hint that shows on hover.

Buttons are groups of one or more: in viser 1.1 a group shows its hint and a plain button does not. Callbacks are
coroutines because viser runs those in the order of the events; what the program itself sets is no event of a person
(`event.client` is None) and is ignored.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from splatseg.viewer.page import Page

Action = Callable[[], None]


def add_buttons(page: Page, label: str, actions: Mapping[str, Action], hint: str) -> Any:
    """A row of buttons under one label."""
    group = page.gui.add_button_group(label, tuple(actions), hint=hint)

    async def clicked(event: Any) -> None:
        page.do(actions[event.target.value])

    group.on_click(clicked)
    return group


def on_change(page: Page, control: Any, action: Callable[[Any], None]) -> Any:
    """Call action(value) when a person changes a control; of several changes that wait only the last is run."""

    async def changed(event: Any) -> None:
        if event.client is not None:
            value = event.target.value
            page.do(lambda: action(value), key=str(id(control)))

    control.on_update(changed)
    return control


def on_submit(page: Page, form: Any, action: Action) -> None:
    """Run an action when Enter is pressed in a form."""

    async def submitted(event: Any) -> None:
        if event.client is not None:
            page.do(action)

    form.on_submit(submitted)


def add_command(
    page: Page, label: str, action: Action, key: str | None = None, modifier: str | None = None, description: str = ""
) -> None:
    """An entry of the command palette (Ctrl+K), with a key of its own if there is one."""
    command = page.gui.add_command(label, description=description or None, hotkey=key, modifier=modifier)  # type: ignore[arg-type]

    async def triggered(_: Any) -> None:
        page.do(action)

    command.on_trigger(triggered)


def assign(control: Any, name: str, value: Any) -> None:
    """Set a property of a control unless it has that value: what does not change is not sent."""
    if getattr(control, name) != value:
        setattr(control, name, value)
