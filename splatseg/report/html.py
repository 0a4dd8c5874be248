"""Formats numbers, durations and settings for reading, and builds the sections of the page."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np


def readable(value: Any) -> str:
    """Format a value: rounded numbers, thousands separated, yes and no, lists with commas, "–" for None and NaN."""
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return _readable_float(float(value))
    if isinstance(value, list | tuple):
        return ", ".join(readable(item) for item in value) or "–"
    return str(value)


def _readable_float(value: float) -> str:
    if not np.isfinite(value):
        return "–"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    if value == 0 or abs(value) >= 0.001:
        decimals = 3 if abs(value) < 10 else 2 if abs(value) < 100 else 1
        return f"{value:.{decimals}f}"
    return f"{value:.2e}"


def duration(seconds: float) -> str:
    """Format seconds: "12.3 s", "4 min 05 s" or "2 h 07 min"."""
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def flattened(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Flatten nested settings to dotted names: {"train": {"seed": 0}} becomes {"train.seed": 0}."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def section(anchor: str, title: str, body: str, note: str = "", count: str = "") -> str:
    """Return a section with its heading. All texts are HTML; count stands small behind the title."""
    note = f'<p class="note">{note}</p>\n' if note else ""
    count = f" <small>{count}</small>" if count else ""
    heading = f'<h2 id="{anchor}-title">{title}{count}</h2>'
    return f'<section id="{anchor}" aria-labelledby="{anchor}-title">\n{heading}\n{note}{body}\n</section>'


def bar(share: float) -> str:
    """Return a bar for a share in 0..1; it is hidden from screen readers, which read the number next to it."""
    return f'<span class="bar" style="--share:{min(max(share, 0.0), 1.0):.3f}" aria-hidden="true"></span>'
