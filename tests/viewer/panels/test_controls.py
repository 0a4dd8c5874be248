"""Each control takes the values that it shows, and nothing while it is hidden or disabled."""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import pytest
from awaited import awaited

from splatseg.errors import PromptError
from splatseg.viewer.page.incoming import REFUSED
from splatseg.viewer.panels.controls import (
    LONGEST_TEXT,
    Choice,
    RangeSlider,
    Slider,
    add_buttons,
    add_checkbox,
    add_text,
    as_markdown,
    typed,
)


class Page:
    """A page with one control, which keeps what the control offers and runs actions at once."""

    def __init__(self, **control: Any) -> None:
        self.control = SimpleNamespace(visible=True, disabled=False, **control)
        self.accepts: Any = None
        made = lambda *_, **__: self.control  # noqa: E731
        self.control.on_update = self.control.on_click = lambda heard: setattr(self, "listener", heard)
        kinds = ("dropdown", "slider", "multi_slider", "text", "checkbox", "button_group")
        self.gui = SimpleNamespace(**{f"add_{kind}": made for kind in kinds})

    def offer(self, control: Any, accept: Any) -> None:
        assert control is self.control
        self.accepts = accept

    def heard(self, callback: Any) -> Any:
        async def listener(event: Any) -> None:
            callback(event)

        return listener

    def do(self, action: Any, key: str | None = None) -> None:
        action()

    def send(self, value: Any) -> None:
        self.control.value = value
        awaited(self.listener(SimpleNamespace(client=1, target=self.control)))


def takes(page: Any, *values: Any) -> list[bool]:
    return [page.accepts(value) is not REFUSED for value in values]


def test_a_drop_down_takes_its_options() -> None:
    page: Any = Page(value="a")
    choice, heard = Choice(page, "Kind", ("a", "b"), "hint"), []
    choice.on_change(heard.append)
    assert takes(page, "b", "a", "../c", "", 0, None, ["a"], {"a": 1}, b"a") == [True, True, *7 * [False]]
    for sent in ("b", "../c", "a"):
        page.send(sent)
        assert choice.value in ("a", "b")
    assert heard == ["b", "a"]


def test_a_slider_takes_finite_numbers_and_moves_them_between_its_ends() -> None:
    page: Any = Page(value=6.0)
    slider = Slider(page, "Seconds", (1.0, 60.0, 0.5, 6.0))
    assert [page.accepts(value) for value in (7.5, 7, 1e6, -3, 10**400)] == [7.5, 7.0, 60.0, 1.0, 60.0]
    assert not any(takes(page, math.nan, math.inf, -math.inf, "7", None, True, [7], 1j))
    for sent, given in ((1e6, 60.0), (-3, 1.0), (7.5, 7.5), (math.nan, 7.5), ("many", 7.5)):
        page.control.value = sent
        assert slider.value == given


def test_a_slider_with_two_thumbs_takes_two_numbers_between_its_ends() -> None:
    page: Any = Page(value=(0.0, 1.0))
    slider, moved = RangeSlider(page, "Size", (0.0, 1.0, 0.01)), list[tuple[float, float]]()
    slider.on_change(lambda: moved.append(slider.value))
    assert takes(page, [0.2, 0.4], (0, 1), [0.2], 0.5, ["a", 1], [0.1, math.nan], [0.1, 0.2, 0.3]) == [
        *(True, True),
        *(False, False, False, False, False),
    ]
    assert page.accepts([-3.0, 7.0]) == (0.0, 1.0)
    page.send((0.7, 0.25))
    assert moved == [(0.25, 0.7)], "thumbs that have passed each other are put in order"


def test_buttons_checkboxes_and_texts_take_what_they_can_show() -> None:
    page: Any = Page(value="Go")
    pressed: list[str] = []
    add_buttons(page, "Move", {"Go": lambda: pressed.append("Go"), "Stop": lambda: pressed.append("Stop")}, "hint")
    assert takes(page, "Go", "Stop", "go", "Go ", 1, None) == [True, True, *4 * [False]]
    page.send("Stop")
    assert pressed == ["Stop"]
    page = Page(value=True)
    add_checkbox(page, "Automatic", True)
    assert takes(page, True, False, 1, 0, "True", None) == [True, True, *4 * [False]]
    page = Page(value="")
    add_text(page, "Name", "hint")
    assert takes(page, "mug", "", 3, None, ["mug"], b"mug") == [True, True, *4 * [False]]


def test_what_is_hidden_or_disabled_takes_nothing() -> None:
    form = SimpleNamespace(visible=True)
    page: Any = Page(value="Go")
    add_buttons(page, "Move", {"Go": lambda: None}, "hint", within=form)
    assert takes(page, "Go") == [True]
    for thing, name, value in (
        (page.control, "visible", False),
        (page.control, "disabled", True),
        (form, "visible", False),
    ):
        before = getattr(thing, name)
        setattr(thing, name, value)
        assert takes(page, "Go") == [False], name
        setattr(thing, name, before)
    assert takes(page, "Go") == [True]


def test_a_text_of_millions_of_characters_is_no_name() -> None:
    assert typed(SimpleNamespace(value="mug")) == "mug"
    with pytest.raises(PromptError, match="at most 500 characters"):
        typed(SimpleNamespace(value="x" * (LONGEST_TEXT + 1)))


def test_a_name_is_no_markup_in_a_text_of_the_panel() -> None:
    assert as_markdown("a mug, 1.5") == r"a mug\, 1\.5"
    assert as_markdown("<img src=x onerror=alert(1)>\n# b") == r"\<img src\=x onerror\=alert\(1\)\> \# b"
    assert as_markdown("![a](http://b) `c`") == r"\!\[a\]\(http\:\/\/b\) \`c\`"
