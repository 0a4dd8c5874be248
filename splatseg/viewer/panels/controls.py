"""Controls of a panel: each runs its action in the page's thread, in order, and shows a hint on hover.

Buttons are groups of one or more: in viser 1.1 a group shows its hint and a plain button does not. Values set by the
program itself (`event.client` is None) are ignored.

viser lets a browser set a control to any value. Each control is offered to the page's guard (`page.incoming`) with the
values that it can have: an option of a drop-down, a number, moved between a slider's ends, a text; nothing while it is
hidden or disabled. A control that is not offered takes nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from splatseg.errors import PromptError
from splatseg.viewer.page.incoming import REFUSED, Accept
from splatseg.viewer.page.page import Modifier, Page

Action = Callable[[], None]

Digit = Literal["1", "2", "3", "4", "5", "6", "7"]
Key = Digit | Literal["B", "F", "G", "H", "I", "L", "N", "O", "P", "R", "T", "V", "Z", "escape", "pageup", "pagedown"]
"""Keys by their names in viser."""

LONGEST_TEXT = 500
"""Most characters of a text field."""


class Hideable:
    """A control that may be out of sight."""

    _control: Any

    @property
    def visible(self) -> bool:
        """True while the control is in sight."""
        return bool(self._control.visible)

    @visible.setter
    def visible(self, visible: bool) -> None:
        assign(self._control, "visible", visible)


class Choice(Hideable):
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
        page.offer(self._control, _usable(self._control, one_of(self.options)))

    @property
    def value(self) -> str:
        """The chosen option."""
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


class Slider(Hideable):
    """A slider whose value always lies between its ends."""

    def __init__(self, page: Page, label: str, ends: tuple[float, float, float, float], **options: Any) -> None:
        """Add the slider. ends: least, most, step, initial value. options: arguments of viser's slider."""
        least, most, step, initial = ends
        self._page, self._ends, self._value = page, (least, most), initial
        self._control = page.gui.add_slider(label, least, most, step, initial, **options)
        page.offer(self._control, _usable(self._control, between(least, most)))

    def _inside(self, value: Any) -> float:
        inside = between(*self._ends)(value)
        if inside is not REFUSED:
            self._value = inside
        return self._value

    @property
    def value(self) -> float:
        """The number shown."""
        return self._inside(self._control.value)

    def on_change(self, action: Callable[[float], None]) -> None:
        """Call action(value) when the user moves the slider; of several waiting moves only the last is run."""
        on_change(self._page, self._control, lambda sent: action(self._inside(sent)))

    def show(self, value: float) -> None:
        """Show a number without calling the action."""
        self._value = value
        assign(self._control, "value", value)


class RangeSlider:
    """A slider with two thumbs, whose values always lie in order between its ends."""

    def __init__(self, page: Page, label: str, ends: tuple[float, float, float], **options: Any) -> None:
        """Add the slider, from end to end at first. ends: least, most, step. options: arguments of viser's slider."""
        least, most, step = ends
        self._page = page
        self._control = page.gui.add_multi_slider(label, least, most, step, (least, most), **options)
        page.offer(self._control, _usable(self._control, two_between(least, most)))

    @property
    def value(self) -> tuple[float, float]:
        """The numbers shown, the smaller first."""
        low, high = sorted(float(each) for each in self._control.value)
        return low, high

    def on_change(self, action: Callable[[], None]) -> None:
        """Call action() when the user moves a thumb; of several waiting moves only the last is run."""
        on_change(self._page, self._control, lambda _: action())


def one_of(options: Sequence[str]) -> Accept:
    """Return a function that accepts the options."""
    return lambda value: value if isinstance(value, str) and value in options else REFUSED


def between(least: float, most: float) -> Accept:
    """Return a function that accepts finite numbers, moved between the ends."""

    def accept(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, int | float) or not -math.inf < value < math.inf:
            return REFUSED
        return float(min(max(value, least), most))

    return accept


def two_between(least: float, most: float) -> Accept:
    """Return a function that accepts two finite numbers, moved between the ends."""
    one = between(least, most)

    def accept(value: Any) -> Any:
        if not isinstance(value, list | tuple) or len(value) != 2:
            return REFUSED
        both = tuple(one(each) for each in value)
        return REFUSED if REFUSED in both else both

    return accept


def any_text(value: Any) -> Any:
    """Accept a text; `typed` tells the user of one that is too long."""
    return value if isinstance(value, str) else REFUSED


def _usable(control: Any, accept: Accept, within: Any = None) -> Accept:
    """Return a function that accepts nothing while a control, or the form it is in, is hidden or disabled."""

    def accept_if_usable(value: Any) -> Any:
        shown = control.visible and (within is None or within.visible)
        return accept(value) if shown and not getattr(control, "disabled", False) else REFUSED

    return accept_if_usable


def add_text(page: Page, label: str, hint: str, within: Any = None) -> Any:
    """Add a text field; read it by `typed`. within: the form that is hidden at times, if it is in one."""
    control = page.gui.add_text(label, "", hint=hint)
    page.offer(control, _usable(control, any_text, within))
    return control


def add_checkbox(page: Page, label: str, ticked: bool, **options: Any) -> Any:
    """Add a checkbox. options: arguments of viser's checkbox."""
    control = page.gui.add_checkbox(label, ticked, **options)
    page.offer(control, _usable(control, lambda value: value if isinstance(value, bool) else REFUSED))
    return control


def typed(control: Any) -> str:
    """Return the text of a text field. Raises PromptError if it has more than LONGEST_TEXT characters."""
    return at_most(str(control.value))


def at_most(text: str) -> str:
    """Return a text. Raises PromptError if it has more than LONGEST_TEXT characters."""
    if len(text) > LONGEST_TEXT:
        raise PromptError(f"a text has at most {LONGEST_TEXT} characters, this one has {len(text):,}; shorten it")
    return text


def as_markdown(text: str) -> str:
    """Return a text of elsewhere so that Markdown shows it as it is: viser's page renders any HTML in Markdown."""
    return re.sub(r"([!-/:-@\[-`{-~])", r"\\\1", " ".join(text.split()))


def add_buttons(page: Page, label: str, actions: Mapping[str, Action], hint: str, within: Any = None) -> Any:
    """Add a row of buttons with one label; actions by the text of the button. within: as for `add_text`."""
    group = page.gui.add_button_group(label, tuple(actions), hint=hint)
    page.offer(group, _usable(group, one_of(tuple(actions)), within))
    group.on_click(page.heard(lambda event: page.do(actions[event.target.value])))
    return group


def on_change(page: Page, control: Any, action: Callable[[Any], None]) -> Any:
    """Call action(value) when the user changes a control; of several waiting changes only the last is run."""

    def changed(event: Any) -> None:
        if event.client is not None:
            value = event.target.value
            page.do(lambda: action(value), key=str(id(control)))

    control.on_update(page.heard(changed))
    return control


def on_submit(page: Page, form: Any, action: Action) -> None:
    """Run an action when the user presses Enter in a form."""

    def submitted(event: Any) -> None:
        if event.client is not None:
            page.do(action)

    page.offer(form, _usable(form, _pressed))
    form.on_submit(page.heard(submitted))


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

    page.offer(command, _pressed)
    command.on_trigger(page.heard(lambda _: page.do(action)))


def _pressed(value: Any) -> Any:
    """Accept a press, which has no value."""
    return None if value is None else REFUSED


def assign(control: Any, name: str, value: Any) -> None:
    """Set a property of a control if it differs, because every assignment is sent to the browser."""
    if getattr(control, name) != value:
        setattr(control, name, value)
