"""Strokes of a page: lasso, polygon and brush drawn on the picture, taps of a finger, and what the pointer is over.

viser knows clicks and rectangles only. So a script of our own (assets/strokes.js) draws in the page and sends each
finished stroke through a hidden control, as the panel's HTML does. It is told which tool is on, and what to light.

    strokes = Strokes(page)
    strokes.use(tool="brush", how="add", radius=24.0)

Alphabet: P points (P,2) as (x, y), 0..1 from the left and the top of the picture.
"""

from __future__ import annotations

import json
import math
from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from splatseg.errors import PromptError
from splatseg.viewer.workspace.workspace import How

if TYPE_CHECKING:
    import viser

Drawn = Literal["rectangle", "lasso", "polygon", "brush"]
"""Tools whose strokes the script draws; a rectangle only for a finger, viser draws those of a mouse."""

MOST_POINTS = 4096
"""Most points of a stroke; the script sends fewer."""


@dataclass(frozen=True, eq=False)
class Stroke:
    """A stroke as a page sends it."""

    tool: Drawn
    """The tool that drew it."""
    how: How
    """Its effect on the selection."""
    radius: float
    """Radius of the brush, in heights of the picture."""
    points: np.ndarray
    """Its points (P,2), 0..1."""


def stroke_of(text: str) -> Stroke:
    """Return the stroke of a message "TOOL:HOW:RADIUS:x,y x,y ...". Raises PromptError for one that is none."""
    tool, how, radius, points = (text.split(":") + [""] * 4)[:4]
    places = [place_of(each) for each in points.split(" ")[: MOST_POINTS + 1]]
    size = _number(radius)
    known = tool in get_args(Drawn) and how in get_args(How)
    if not known or len(places) > MOST_POINTS or size is None or None in places:
        raise PromptError("that stroke did not arrive whole; draw it again")
    return Stroke(tool, how, size, np.array(places, dtype=np.float64))  # type: ignore[arg-type]


def place_of(text: str) -> tuple[float, float] | None:
    """Return the place of a text "x,y", 0..1 within the picture and up to a picture beside it; None for no place."""
    x, _, y = text.partition(",")
    numbers = [_number(each) for each in (x, y)]
    if None in numbers or not all(-1.0 <= each <= 2.0 for each in numbers if each is not None):
        return None
    return numbers[0], numbers[1]  # type: ignore[return-value]


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) else None


class Pen:
    """The script in one page: what it is told."""

    def __init__(self, client: viser.ClientHandle, ear: str) -> None:
        """Start the script. ear: the id of the control that takes its messages."""
        self._client = client
        source = (files("splatseg.viewer.page") / "assets" / "strokes.js").read_text(encoding="utf-8")
        self._run(f"{source}\nwindow.splatsegBegin({json.dumps(ear)});")
        self._set: dict[str, Any] = {}

    def use(self, **settings: Any) -> None:
        """Tell the tool, its effect and the radius of the brush in pixels: tool=, how=, radius=."""
        changed = {name: value for name, value in settings.items() if self._set.get(name) != value}
        if changed:
            self._set |= changed
            self._run(f"window.splatsegStrokes?.set({json.dumps(changed)});")

    def light(self, path: str, text: str) -> None:
        """Light an outline, an SVG path of points 0..1, with a text at the pointer; dark for an empty path."""
        call = f"light({json.dumps(path)},{json.dumps(text)})" if path else "dark()"
        self._run(f"window.splatsegStrokes?.{call};")

    def _run(self, source: str) -> None:
        from viser._messages import RunJavascriptMessage  # noqa: PLC0415 (an extra: see server.py)

        self._client._websock_connection.queue_message(RunJavascriptMessage(source))
