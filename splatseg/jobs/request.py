"""What a user points at, as texts, becomes prompts: "310,205", "012.jpg:310,205", "left/mask.png", "012.jpg:mask.png".

A view before a colon is the view the prompt is given in; without one it is the request's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from splatseg.capture.capture import Capture, View
from splatseg.errors import PromptError
from splatseg.select.prompt import Prompt


@dataclass(frozen=True)
class Request:
    """A selection asked for: prompts as texts, wanted and not, and how to take them.

    view: the name of the view of prompts that name none. threshold: least similarity to a wanted prompt, None chooses
    it. granularity: at which segments are taken, 0 for parts to 1 for groups, None for that of the run. grow, shrink:
    so many steps along the hierarchy afterwards.
    """

    view: str | None = None
    click: tuple[str, ...] = ()
    box: tuple[str, ...] = ()
    mask: tuple[str, ...] = ()
    not_click: tuple[str, ...] = ()
    not_box: tuple[str, ...] = ()
    not_mask: tuple[str, ...] = ()
    threshold: float | None = None
    granularity: float | None = None
    grow: int = 0
    shrink: int = 0

    @property
    def given(self) -> bool:
        """Whether there is any prompt in a view."""
        return any((self.click, self.box, self.mask, self.not_click, self.not_box, self.not_mask))

    def prompts(self, capture: Capture) -> list[Prompt]:
        """The prompts, with the cameras of their views, wanted ones first.

        Raises PromptError for a text that is not understood, an unknown view, a mask that cannot be read, and if
        nothing is wanted.
        """
        if not (self.click or self.box or self.mask):
            raise PromptError(
                "there is no prompt; give at least one of --click X,Y, --box X0,Y0,X1,Y1, --mask PNG and --text WORDS"
            )
        return [
            *self._given(capture, self.click, self.box, self.mask, True),
            *self._given(capture, self.not_click, self.not_box, self.not_mask, False),
        ]

    def _given(
        self, capture: Capture, clicks: tuple[str, ...], boxes: tuple[str, ...], masks: tuple[str, ...], wanted: bool
    ) -> list[Prompt]:
        prefix = "--" if wanted else "--not-"
        prompts = []
        for text in clicks:
            view, rest = self._split(capture, text)
            x, y = _numbers(rest, 2, f"{prefix}click")
            prompts.append(Prompt(view.camera, click=(x, y), wanted=wanted))
        for text in boxes:
            view, rest = self._split(capture, text)
            x0, y0, x1, y1 = _numbers(rest, 4, f"{prefix}box")
            prompts.append(Prompt(view.camera, box=(x0, y0, x1, y1), wanted=wanted))
        for text in masks:
            view, rest = self._split(capture, text)
            prompts.append(Prompt(view.camera, mask=read_prompt_mask(Path(rest), view), wanted=wanted))
        return prompts

    def _split(self, capture: Capture, text: str) -> tuple[View, str]:
        """The view a prompt is given in, and what is left of its text."""
        name, colon, rest = text.partition(":")
        if colon and any(view.name == name for view in capture.views):
            return capture.view(name), rest
        if self.view is None:
            raise PromptError(f"the prompt {text!r} names no view; give --view NAME, or write NAME:{rest or name}")
        return capture.view(self.view), text


def _numbers(text: str, count: int, option: str) -> tuple[float, ...]:
    """'12,30' to (12.0, 30.0). Raises PromptError if there are not exactly `count` numbers."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        form = {2: "X,Y", 4: "X0,Y0,X1,Y1"}[count]
        raise PromptError(f"{option} takes {form} in pixels, got {text!r}")
    return numbers


def read_prompt_mask(path: Path, view: View) -> np.ndarray:
    """A mask image (not black = inside) as (H,W) bool at the size of the view. Raises PromptError."""
    try:
        with Image.open(path) as image:
            # Transparency is not a shape: what counts is what is painted.
            painted = image.convert("RGB") if image.mode in ("RGBA", "LA") else image
            size = (view.camera.width, view.camera.height)
            fitting = painted if painted.size == size else painted.resize(size, Image.Resampling.NEAREST)
            values = np.asarray(fitting)
    except FileNotFoundError:
        raise PromptError(f"there is no mask at {path}; give --mask a PNG of the view {view.name}") from None
    except (UnidentifiedImageError, OSError) as error:
        raise PromptError(f"the mask {path} cannot be read as an image ({error}); save it as PNG") from None
    inside: np.ndarray = (values != 0).reshape(*values.shape[:2], -1).any(axis=2)
    if not inside.any():
        raise PromptError(f"the mask {path} is black all over; paint the object in white")
    return inside
