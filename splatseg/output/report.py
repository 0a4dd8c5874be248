"""report.html: one page that shows a run, in one file that needs no network and no other file.

Pictures are inlined, the page follows the reader's light or dark scheme, and without JavaScript it still shows
everything, side by side. What it shows is plain data (`ReportData`), so nothing needs to be trained to write one.
The page's HTML, CSS and its few lines of JavaScript are in report.html.template beside this module.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from splatseg.files import write_text
from splatseg.output.inline_pictures import data_uri
from splatseg.output.overlays import Color
from splatseg.output.segments_json import hex_color

LAYERS = ("photo", "render", "segments", "features")
LAYER_TITLES = {"photo": "Photograph", "render": "Render", "segments": "Segments", "features": "Features"}

ROWS_SHOWN = 30
"""Longer tables are folded after so many rows."""


@dataclass(frozen=True, eq=False)
class ReportView:
    """Pictures (H,W,3) uint8 of one view; what is None is left out. split: train or test."""

    name: str
    split: str
    photo: np.ndarray | None = None
    render: np.ndarray | None = None
    segments: np.ndarray | None = None
    features: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class ReportSegment:
    """One row of the table of segments. size: side lengths of its box, world units; picture: a crop of a photograph."""

    id: int
    name: str
    color: Color
    count: int
    size: tuple[float, float, float]
    picture: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class ReportData:
    """All a report shows; what is empty is left out.

    numbers: a few headline figures by name. metrics: averages by name ("mIoU": 0.91); object_rows: one mapping an
    object, all with the keys of the first. timings: seconds by what took them. warnings: what went wrong, in sentences.
    Values may be text or numbers; numbers are rounded for reading.
    """

    title: str
    subtitle: str = ""
    numbers: Mapping[str, Any] = field(default_factory=dict)
    views: Sequence[ReportView] = ()
    segments: Sequence[ReportSegment] = ()
    metrics: Mapping[str, Any] = field(default_factory=dict)
    object_rows: Sequence[Mapping[str, Any]] = ()
    settings: Mapping[str, Any] = field(default_factory=dict)
    timings: Mapping[str, float] = field(default_factory=dict)
    warnings: Sequence[str] = ()


def write_report(path: Path, data: ReportData) -> None:
    """Write the page, atomically."""
    write_text(path, report_html(data))


def report_html(data: ReportData) -> str:
    """The page as text. Every name in it is escaped."""
    sections = [
        _warnings(data.warnings),
        _views(data.views),
        _metrics(data.metrics, data.object_rows),
        _segments(data.segments),
        _timings(data.timings),
        _settings(data.settings),
    ]
    template = Template((files("splatseg.output") / "report.html.template").read_text(encoding="utf-8"))
    return template.substitute(
        title=escape(data.title),
        subtitle=escape(data.subtitle),
        numbers="".join(
            f"<div><dd>{escape(readable(value))}</dd><dt>{escape(name)}</dt></div>"
            for name, value in data.numbers.items()
        ),
        sections="\n".join(section for section in sections if section),
    )


def readable(value: Any) -> str:
    """A value for reading: 4 significant digits, thousands apart, yes and no, lists with commas, "–" for nothing."""
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


def _section(anchor: str, title: str, body: str, note: str = "") -> str:
    note = f'<p class="note">{note}</p>' if note else ""
    return f'<section aria-labelledby="{anchor}">\n<h2 id="{anchor}">{title}</h2>\n{note}{body}\n</section>'


def _warnings(warnings: Sequence[str]) -> str:
    if not warnings:
        return ""
    items = "".join(f"<li>{escape(warning)}</li>" for warning in warnings)
    return f'<section class="warnings" role="note"><h2>Worth knowing</h2><ul>{items}</ul></section>'


def _views(views: Sequence[ReportView]) -> str:
    shown = [view for view in views if any(getattr(view, layer) is not None for layer in LAYERS)]
    if not shown:
        return ""
    there = [layer for layer in LAYERS if any(getattr(view, layer) is not None for view in shown)]
    choices = "".join(_choices(side, there, chosen) for side, chosen in (("left", 0), ("right", 2)))
    apart = '<label><input type="checkbox" name="apart"> All side by side</label>'
    controls = f'<form class="controls" autocomplete="off" hidden>{choices}{apart}</form>'
    cards = "\n".join(_view(view) for view in shown)
    note = "Views marked <em>held out</em> were not used for training. Drag the line, or use the arrow keys on it."
    return _section("views", "Views", f'{controls}\n<div class="views apart">\n{cards}\n</div>', note)


def _choices(side: str, layers: Sequence[str], chosen: int) -> str:
    chosen = min(chosen, len(layers) - 1)
    options = "".join(
        f'<option value="{layer}"{" selected" if number == chosen else ""}>{LAYER_TITLES[layer]}</option>'
        for number, layer in enumerate(layers)
    )
    return f'<label>{side.title()} <select name="{side}">{options}</select></label>'


def _view(view: ReportView) -> str:
    name = escape(view.name)
    pictures = []
    for layer in LAYERS:
        picture = getattr(view, layer)
        if picture is None:
            continue
        height, width = picture.shape[:2]
        title = LAYER_TITLES[layer]
        pictures.append(
            f'<figure data-layer="{layer}"><img src="{data_uri(picture)}" width="{width}" height="{height}" '
            f'alt="{title} of view {name}"><figcaption>{title}</figcaption></figure>'
        )
    badge = '<span class="badge">held out</span>' if view.split == "test" else ""
    slider = (
        f'<input type="range" min="0" max="100" value="50" step="0.5" autocomplete="off" '
        f'aria-label="Where the two pictures of {name} meet" hidden>'
    )
    stack = f'<div class="stack">{"".join(pictures)}{slider}</div>'
    return f'<article class="view">{stack}<h3>{name} {badge}</h3></article>'


def _metrics(metrics: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> str:
    if not metrics and not rows:
        return ""
    body = ""
    if metrics:
        cells = "".join(
            f'<tr><th scope="row">{escape(name)}</th><td class="number">{escape(readable(value))}</td></tr>'
            for name, value in metrics.items()
        )
        body += f'<div class="scroll"><table class="pairs"><tbody>{cells}</tbody></table></div>'
    if rows:
        heads = list(rows[0])
        lines = ["".join(_object_cell(row.get(head)) for head in heads) for row in rows]
        body += "<h3>Object by object</h3>" + _table(heads, lines)
    return _section("metrics", "Accuracy", body)


def _object_cell(value: Any) -> str:
    if isinstance(value, float | np.floating) and 0 <= value <= 1:
        # A share reads faster as a bar; the number stays for who wants it.
        bar = f'<span class="bar" style="--share:{float(value):.3f}" aria-hidden="true"></span>'
        return f'<td class="number share">{bar}{readable(value)}</td>'
    kind = ' class="number"' if isinstance(value, int | float | np.number) and not isinstance(value, bool) else ""
    return f"<td{kind}>{escape(readable(value))}</td>"


def _segments(segments: Sequence[ReportSegment]) -> str:
    if not segments:
        return ""
    ordered = sorted(segments, key=lambda segment: (-segment.count, segment.id))
    pictured = any(segment.picture is not None for segment in ordered)
    heads = ["id", *(["picture"] if pictured else []), "name", "Gaussians", "size"]
    lines = [_segment(segment, pictured) for segment in ordered]
    note = "The largest first. Size is the box around a segment, in the units of the scene."
    return _section("segments", f"Segments <small>{len(ordered):,}</small>", _table(heads, lines), note)


def _segment(segment: ReportSegment, pictured: bool) -> str:
    swatch = f'<span class="swatch" style="background:{hex_color(segment.color)}"></span>'
    picture = ""
    if pictured and segment.picture is not None:
        height, width = segment.picture.shape[:2]
        uri = data_uri(segment.picture)
        picture = f'<img class="crop" src="{uri}" width="{width}" height="{height}" alt="" loading="lazy">'
    cells = [f'<td class="number">{swatch}{segment.id}</td>', *([f"<td>{picture}</td>"] if pictured else [])]
    size = " × ".join(f"{side:.3g}" for side in segment.size)
    cells += [f'<th scope="row">{escape(segment.name)}</th>', f'<td class="number">{segment.count:,}</td>']
    return "".join([*cells, f'<td class="number">{size}</td>'])


def _timings(timings: Mapping[str, float]) -> str:
    if not timings:
        return ""
    longest = max(*timings.values(), 1e-9)
    lines = [
        f'<th scope="row">{escape(name)}</th><td class="wide"><span class="bar" aria-hidden="true" '
        f'style="--share:{seconds / longest:.3f}"></span></td><td class="number">{_duration(seconds)}</td>'
        for name, seconds in timings.items()
    ]
    total = _duration(sum(timings.values()))
    rows = "".join(f"<tr>{line}</tr>" for line in lines)
    body = f'<div class="scroll"><table class="timings"><tbody>{rows}</tbody></table></div>'
    return _section("timings", f"Time <small>{total}</small>", body)


def _duration(seconds: float) -> str:
    if seconds < 60:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s"


def _settings(settings: Mapping[str, Any]) -> str:
    if not settings:
        return ""
    rows = "".join(
        f'<tr><th scope="row">{escape(name)}</th><td>{escape(readable(value))}</td></tr>'
        for name, value in flattened(settings).items()
    )
    table = f'<div class="scroll"><table class="pairs"><tbody>{rows}</tbody></table></div>'
    body = f"<details><summary>Every setting of this run</summary>{table}</details>"
    return _section("settings", "Settings", body)


def flattened(settings: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Nested settings with dotted names: {"train": {"seed": 0}} as {"train.seed": 0}."""
    flat: dict[str, Any] = {}
    for name, value in settings.items():
        if isinstance(value, Mapping) and value:
            flat |= flattened(value, f"{prefix}{name}.")
        else:
            flat[f"{prefix}{name}"] = value
    return flat


def _table(heads: Sequence[str], lines: Sequence[str]) -> str:
    """A table of rows of cells; what exceeds ROWS_SHOWN is folded away."""
    head = "".join(f'<th scope="col">{escape(str(name))}</th>' for name in heads)

    def table(rows: Sequence[str]) -> str:
        body = "\n".join(f"<tr>{row}</tr>" for row in rows)
        return f'<div class="scroll"><table><thead><tr>{head}</tr></thead><tbody>\n{body}\n</tbody></table></div>'

    shown, folded = lines[:ROWS_SHOWN], lines[ROWS_SHOWN:]
    more = f"<details><summary>{len(folded):,} more</summary>{table(folded)}</details>" if folded else ""
    return table(shown) + more
