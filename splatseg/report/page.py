"""Builds the page: sections, style and scripts in one file. Every text from outside is escaped where it is inserted."""

from __future__ import annotations

import json
from html import escape
from importlib.resources import files
from pathlib import Path
from string import Template

import numpy as np

from splatseg.files import write_text
from splatseg.report.data import ReportData
from splatseg.report.html import readable
from splatseg.report.plain_words import EXPLAINED
from splatseg.report.sections.figures import metrics_section, settings_section, timings_section
from splatseg.report.sections.findings import findings_section
from splatseg.report.sections.segments import segments_section
from splatseg.report.sections.views import views_section

SCRIPTS = ("theme.js", "navigation.js", "views.js", "labels.js", "segments.js", "lightbox.js")
"""The scripts in the order in which they are joined; each uses only names of the scripts before it."""

_NAVIGATION = {
    "views": "Views",
    "findings": "What went wrong",
    "segments": "Segments",
    "metrics": "Accuracy",
    "timings": "Time",
    "settings": "Settings",
}


def write_report(path: Path, data: ReportData) -> None:
    """Write the page of a report, atomically."""
    write_text(path, report_html(data))


def report_html(data: ReportData) -> str:
    """Return the page of a report as HTML."""
    names = {segment.id: segment.name for segment in data.segments}
    sections = {
        "views": views_section(data.views),
        "findings": findings_section(data.findings, data.checks, data.views, names, _crops(data)),
        "segments": segments_section(data.segments, data.confidence),
        "metrics": metrics_section(data.metrics, data.object_rows),
        "timings": timings_section(data.timings),
        "settings": settings_section(data.settings),
    }
    there = [anchor for anchor, text in sections.items() if text]
    return Template(_resource("page.html")).substitute(
        title=escape(data.title),
        subtitle=escape(data.subtitle),
        lead=_lead(data),
        made_of=escape(json.dumps(dict(data.made_of))),
        style=_resource("page.css"),
        script="\n".join(_resource(name) for name in SCRIPTS),
        navigation="".join(f'<li><a href="#{anchor}">{_NAVIGATION[anchor]}</a></li>' for anchor in there),
        numbers=_numbers(data),
        sections="\n".join(sections[anchor] for anchor in there),
    )


def _numbers(data: ReportData) -> str:
    tiles = [
        f"<div><dd>{escape(readable(value))}</dd><dt>{escape(name)}{_explained(name)}</dt></div>"
        for name, value in data.numbers.items()
    ]
    if data.findings:
        noun = "finding" if len(data.findings) == 1 else "findings"
        link = f'<a href="#findings">{len(data.findings)}</a>'
        told = "<small>the worst first, with what to do</small>"
        tiles.append(f'<div class="{data.findings[0].level}"><dd>{link}</dd><dt>{noun}{told}</dt></div>')
    return "".join(tiles)


def _explained(name: str) -> str:
    return f"<small>{escape(EXPLAINED[name])}</small>" if name in EXPLAINED else ""


def _lead(data: ReportData) -> str:
    lead = f'<p class="lead">{escape(data.lead)}</p>' if data.lead else ""
    step = f'<p class="next">Look at it in 3D, click, name: <code>{escape(data.command)}</code></p>'
    return lead + (step if data.command else "")


def _crops(data: ReportData) -> dict[int, np.ndarray]:
    return {segment.id: segment.picture for segment in data.segments if segment.picture is not None}


def _resource(name: str) -> str:
    return (files("splatseg.report") / "assets" / name).read_text(encoding="utf-8")
