"""The sections accuracy, time and settings: tables of names and values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from splatseg.report.html import bar, duration, flattened, readable, section


def metrics_section(metrics: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    """Build the averages and a table of objects; its columns are the keys of the first row."""
    if not metrics and not rows:
        return ""
    body = _pairs(metrics) if metrics else ""
    if rows:
        heads = list(rows[0])
        head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in heads)
        lines = "\n".join(f"<tr>{''.join(_cell(row.get(name)) for name in heads)}</tr>" for row in rows)
        body += (
            "<h3>Object by object</h3>"
            f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n{lines}\n</tbody></table></div>'
        )
    return section("metrics", "Accuracy", body)


def timings_section(timings: Mapping[str, float]) -> str:
    """Build a table of seconds by part of the job, with bars."""
    if not timings:
        return ""
    longest = max(*timings.values(), 1e-9)
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="wide">{bar(seconds / longest)}</td>'
        f'<td class="number">{duration(seconds)}</td></tr>'
        for name, seconds in timings.items()
    )
    body = f'<div class="scroll"><table class="timings"><tbody>{rows}</tbody></table></div>'
    return section("timings", "Time", body, count=duration(sum(timings.values())))


def settings_section(settings: Mapping[str, Any]) -> str:
    """Build the table of all settings by dotted name, folded away."""
    if not settings:
        return ""
    body = f"<details><summary>Every setting of this run</summary>{_pairs(flattened(settings))}</details>"
    return section("settings", "Settings", body)


def _pairs(values: Mapping[str, Any]) -> str:
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td class="number">{escape(readable(value))}</td></tr>'
        for name, value in values.items()
    )
    return f'<div class="scroll"><table class="pairs"><tbody>{rows}</tbody></table></div>'


def _cell(value: Any) -> str:
    if isinstance(value, float | np.floating) and 0 <= value <= 1:
        # A share is read faster as a bar; the number stays next to it.
        return f'<td class="number share">{bar(float(value))}{readable(value)}</td>'
    kind = ' class="number"' if isinstance(value, int | float | np.number) and not isinstance(value, bool) else ""
    return f"<td{kind}>{escape(readable(value))}</td>"
