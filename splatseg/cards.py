"""Cards that show an object in a notebook: a picture and a few figures as HTML, self-contained and without a script."""

from __future__ import annotations

import base64
import io
from collections.abc import Mapping
from html import escape

import numpy as np
from PIL import Image

WIDTH = 360
"""Width of a card's picture in pixels; wider pictures are reduced."""

_CARD = (
    '<div style="display:flex;gap:1em;align-items:flex-start;font-family:system-ui,sans-serif;font-size:13px">'
    "{picture}<div><b>{title}</b>{figures}</div></div>"
)
_CELL = '<td style="text-align:left;padding:0 0.8em 0 0;border:0;vertical-align:top">{}</td>'


def card(title: str, figures: Mapping[str, str], picture: np.ndarray | None = None) -> str:
    """Return a card as HTML: a picture (H,W,3) uint8, a title, and a table of figures by name."""
    shown = (
        "" if picture is None else f'<img alt="{escape(title)}" src="{picture_uri(picture)}" style="border-radius:4px">'
    )
    rows = [[f'<span style="opacity:0.65">{escape(name)}</span>', escape(value)] for name, value in figures.items()]
    return _CARD.format(picture=shown, title=escape(title), figures=table(rows))


def table(rows: list[list[str]]) -> str:
    """Return rows of cells as an HTML table; cells are HTML already and not escaped."""
    body = "".join(f'<tr style="background:none">{"".join(_CELL.format(cell) for cell in row)}</tr>' for row in rows)
    return f'<table style="border-collapse:collapse;border:0;margin:0.3em 0 0">{body}</table>'


def picture_uri(picture: np.ndarray, widest: int = WIDTH) -> str:
    """Return a picture (H,W,3) uint8 as a JPEG data URI, at most `widest` pixels wide."""
    image = Image.fromarray(picture)
    if image.width > widest:
        image = image.resize((widest, max(1, round(image.height * widest / image.width))), Image.Resampling.LANCZOS)
    buffer = io.BytesIO()
    image.save(buffer, format="JPEG", quality=85)
    return "data:image/jpeg;base64," + base64.b64encode(buffer.getvalue()).decode("ascii")
