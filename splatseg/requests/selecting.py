"""Selections asked for as texts, by prompts in views and by words.

Prompts are texts: "310,205", "012.jpg:310,205", "left/mask.png", "012.jpg:mask.png". A view before a colon is the view
the prompt is given in; without one it is the request's own.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from splatseg.errors import PromptError

if TYPE_CHECKING:
    from splatseg.cameras.lens_camera import AnyCamera
    from splatseg.capture.capture import Capture
    from splatseg.capture.view import View
    from splatseg.select.prompt import Prompt

Clicks = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[VIEW:]X,Y")]
Boxes = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[VIEW:]X0,Y0,X1,Y1")]
MaskFiles = Annotated[tuple[str, ...], tyro.conf.arg(metavar="[VIEW:]PNG")]
Texts = Annotated[tuple[str, ...], tyro.conf.arg(metavar="WORDS")]


@dataclass(frozen=True)
class SelectionRequest:
    """A selection by prompts in views, given as texts."""

    view: str | None = None
    """View of the prompts, by name; a prompt may name another: 012.jpg:310,205."""
    click: Clicks = ()
    """Pixels on the object; (0,0) is the top left corner. Several clicks select all that they point at."""
    box: Boxes = ()
    """Boxes around the object, in pixels."""
    mask: MaskFiles = ()
    """Masks of the object as images; black is background."""
    not_click: Clicks = ()
    """Pixels that are not on the object; what they point at is taken away."""
    not_box: Boxes = ()
    """Boxes around parts that are not the object."""
    not_mask: MaskFiles = ()
    """Masks of parts that are not the object."""
    threshold: float | None = None
    """Least similarity of a Gaussian to the prompt, -1 to 1. Default: chosen by agreement with the prompt."""
    granularity: float | None = None
    """Size of the object under a click, from 0 (parts) to 1 (groups). Default: that of the run's segments."""
    level: int | None = None
    """Level of the click: 1 for the smallest part at its pixel, 2, 3, ... for what holds it. Default: what the masks
    of most views show as one."""
    grow: int = 0
    """Steps up the hierarchy, to the larger objects that hold the selection."""
    shrink: int = 0
    """Steps down the hierarchy, each to the largest part of the selection."""
    undistorted: bool = False
    """Pixels of prompts and of masks written are those of undistorted photographs. Default: of photographs as they are,
    through their lens."""

    @property
    def given(self) -> bool:
        """True if there is a prompt in any view."""
        return any((self.click, self.box, self.mask, self.not_click, self.not_box, self.not_mask))

    def prompts(self, capture: Capture) -> list[Prompt]:
        """Return the prompts with the cameras of their views, the wanted ones first.

        Raises PromptError for a text that cannot be parsed, an unknown view, a mask that cannot be read, and if there
        is no wanted prompt.
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
        from splatseg.scene.prompt_mask import read_prompt_mask  # noqa: PLC0415 (see the module)
        from splatseg.select.prompt import Prompt  # noqa: PLC0415

        prefix = "--" if wanted else "--not-"
        prompts = []
        for text in clicks:
            view, rest = self._split(capture, text)
            x, y = _numbers(rest, 2, f"{prefix}click")
            level = self.level if wanted else None
            prompts.append(Prompt.in_photograph(self._camera(view), click=(x, y), wanted=wanted, level=level))
        for text in boxes:
            view, rest = self._split(capture, text)
            x0, y0, x1, y1 = _numbers(rest, 4, f"{prefix}box")
            prompts.append(Prompt.in_photograph(self._camera(view), box=(x0, y0, x1, y1), wanted=wanted))
        for text in masks:
            view, rest = self._split(capture, text)
            mask = read_prompt_mask(Path(rest), self._camera(view), view.name)
            prompts.append(Prompt.in_photograph(self._camera(view), mask=mask, wanted=wanted))
        return prompts

    def _camera(self, view: View) -> AnyCamera:
        return view.camera if self.undistorted else view.seen_by

    def _split(self, capture: Capture, text: str) -> tuple[View, str]:
        """Return the view of a prompt and the rest of its text."""
        name, colon, rest = text.partition(":")
        if colon and any(name in (view.name, view.photograph) for view in capture.views):
            return capture.view(name), rest
        if self.view is None:
            raise PromptError(f"the prompt {text!r} names no view; give --view NAME, or write NAME:{rest or name}")
        return capture.view(self.view), text


@dataclass(frozen=True)
class WordQuery:
    """A selection by words."""

    text: Texts = ()
    """The object in words: "red mug". Needs a model. Exit code 3 if it is not found."""
    not_text: Texts = ()
    """Objects not to select, in words."""
    model: str | None = None
    """Folder (or name) of the model for words: a CLIP or SigLIP after `splatseg words`, SAM 3, or Grounding DINO with
    --segmenter. Default: the model that the run was described with."""
    segmenter: str | None = None
    """Folder (or name) of a Segment Anything model that turns the detector's boxes into masks."""

    @property
    def given(self) -> bool:
        """True if there are words, wanted or not."""
        return bool(self.text or self.not_text)


def _numbers(text: str, count: int, option: str) -> tuple[float, ...]:
    """Parse '12,30' as (12.0, 30.0). Raises PromptError if there are not exactly `count` numbers."""
    try:
        numbers = tuple(float(part) for part in text.split(","))
    except ValueError:
        numbers = ()
    if len(numbers) != count:
        form = {2: "X,Y", 4: "X0,Y0,X1,Y1"}[count]
        raise PromptError(f"{option} takes {form} in pixels, got {text!r}")
    return numbers
