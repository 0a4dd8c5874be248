"""Controls of a panel: each runs its action in the page's thread, in order, and shows a hint on hover.

Buttons are groups of one or more: in viser 1.1 a group shows its hint and a plain button does not. Callbacks are
coroutines because viser runs those in the order of the events. Values set by the program itself (`event.client` is
None) are ignored.

viser lets a browser set a control to any value. Only values that the control could have sent are accepted: an option of
a drop-down, a number between a slider's ends, a text of bounded length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from splatseg.errors import PromptError
from splatseg.viewer.page.page import Modifier, Page

Action = Callable[[], None]

Digit = Literal["1", "2", "3", "4", "5", "6", "7"]
Key = Digit | Literal["B", "F", "G", "H", "I", "N", "O", "P", "R", "V", "Z", "escape", "pageup", "pagedown"]
"""Keys by their names in viser."""

LONGEST_TEXT = 500
"""Most characters of a text field."""


class Choice:
    """A drop-down whose value is always one of the options it was made with.

    Attributes:
        options: The labels of the options.
    """

    def __init__(
        self, page: Page, label: str, options: Sequence[str], hint: str, *, initial: str | None = None
    ) -> None:
        self.options: tuple[str, ...] = tuple(options)
        self._page = page
        self._value = initial or self.options[0]
        self._control = page.gui.add_dropdown(label, self.options, initial_value=self._value, hint=hint)

    @property
    def value(self) -> str:
        """The chosen option; a value that is no option is ignored."""
        sent = self._control.value
        if sent in self.options:
            self._value = sent
        return self._value

    def on_change(self, action: Callable[[str], None]) -> None:
        """Call action(option) when the user chooses one."""
        on_change(self._page, self._control, lambda sent: action(sent) if sent in self.options else None)

    def show(self, option: str) -> None:
        """Show an option without calling the action."""
        self._value = option
        assign(self._control, "value", option)


class Slider:
    """A slider whose value always lies between its ends."""

    def __init__(self, page: Page, label: str, ends: tuple[float, float, float, float], **options: Any) -> None:
        """Add the slider. ends: least, most, step, initial value. options: arguments of viser's slider."""
        least, most, step, initial = ends
        self._page, self._ends, self._value = page, (least, most), initial
        self._control = page.gui.add_slider(label, least, most, step, initial, **options)

    def _inside(self, value: Any) -> float:
        if isinstance(value, int | float) and math.isfinite(value):
            self._value = min(max(float(value), self._ends[0]), self._ends[1])
        return self._value

    @property
    def value(self) -> float:
        """The number shown, moved between the ends if a browser sent another."""
        return self._inside(self._control.value)

    def on_change(self, action: Callable[[float], None]) -> None:
        """Call action(value) when the user moves the slider; of several waiting moves only the last is run."""
        on_change(self._page, self._control, lambda sent: action(self._inside(sent)))

    def show(self, value: float) -> None:
        """Show a number without calling the action."""
        self._value = value
        assign(self._control, "value", value)


def typed(control: Any) -> str:
    """Return the text of a text field. Raises PromptError if it has more than LONGEST_TEXT characters."""
    text = str(control.value)
    if len(text) > LONGEST_TEXT:
        raise PromptError(f"a text has at most {LONGEST_TEXT} characters, this one has {len(text):,}; shorten it")
    return text


def add_buttons(page: Page, label: str, actions: Mapping[str, Action], hint: str) -> Any:
    """Add a row of buttons with one label; actions by the text of the button."""
    group = page.gui.add_button_group(label, tuple(actions), hint=hint)

    async def clicked(event: Any) -> None:
        action = actions.get(event.target.value)
        if action is not None:
            page.do(action)

    group.on_click(clicked)
    return group


def on_change(page: Page, control: Any, action: Callable[[Any], None]) -> Any:
    """Call action(value) when the user changes a control; of several waiting changes only the last is run."""

    async def changed(event: Any) -> None:
        if event.client is not None:
            value = event.target.value
            page.do(lambda: action(value), key=str(id(control)))

    control.on_update(changed)
    return control


def on_submit(page: Page, form: Any, action: Action) -> None:
    """Run an action when the user presses Enter in a form."""

    async def submitted(event: Any) -> None:
        if event.client is not None:
            page.do(action)

    form.on_submit(submitted)


def add_command(
    page: Page,
    label: str,
    action: Action,
    key: Key | None = None,
    modifier: Modifier | None = None,
    description: str = "",
) -> None:
    """Add a command to the palette (Ctrl+K), with a keyboard shortcut if `key` is given."""
    command = page.gui.add_command(label, description=description or None, hotkey=key, modifier=modifier)

    async def triggered(_: Any) -> None:
        page.do(action)

    command.on_trigger(triggered)


def assign(control: Any, name: str, value: Any) -> None:
    """Set a property of a control if it differs, because every assignment is sent to the browser."""
    if getattr(control, name) != value:
        setattr(control, name, value)
