"""The section of findings, worst first, each with its views and segments; and the list of checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

import numpy as np

from splatseg.report.data import LAYER_TITLES, ReportFinding, ReportView
from splatseg.report.html import section
from splatseg.report.inline_pictures import data_uri
from splatseg.report.mentions import link_to, linked
from splatseg.report.sections.views import anchors_of

LEVELS = {"serious": "Serious", "notable": "Notable", "minor": "Minor"}
"""Labels of the levels of findings."""

LINKED = 8
"""Most views, and most segments, that one finding links to."""

THUMBNAIL = 320
"""Width in pixels of the pictures that prove a finding."""


def findings_section(
    findings: Sequence[ReportFinding],
    checks: Sequence[str],
    views: Sequence[ReportView],
    segments: Mapping[int, str],
    crops: Mapping[int, np.ndarray],
) -> str:
    """Build the section; empty without findings and checks.

    views: the pictured views; segments: names by id; crops: pictures of segments by id.
    """
    if not findings and not checks:
        return ""
    anchors, by_name = anchors_of(views), {view.name: view for view in views}
    pictured: set[str] = set()
    items = []
    for finding in findings:
        there = [name for name in finding.views if name in anchors][:LINKED]
        # One proof per finding is enough, and each view is pictured once.
        proof = next((_proof(by_name[name], anchors[name]) for name in there[:1] if name not in pictured), "")
        pictured.update(there[:1])
        proof += _segments(finding, segments, crops)
        items.append(_finding(finding, proof, {name: anchors[name] for name in there[bool(proof) :]}, segments))
    body = "\n".join(items)
    body = f'<ol class="findings">\n{body}\n</ol>' if findings else '<p class="fine">Nothing stands out.</p>'
    if checks:
        lines = "".join(f"<li>{escape(check)}</li>" for check in checks)
        body += f"<details{'' if findings else ' open'}><summary>What was checked</summary><ul>{lines}</ul></details>"
    note = "Found without ground truth, the most serious first."
    return section("findings", "What went wrong", body, note, str(len(findings)))


def _proof(view: ReportView, anchor: str) -> str:
    """Build small pictures of a view that link to it: masks and segments, or else photograph and render."""
    pictures = view.pictures()
    pair = ("masks", "segments") if {"masks", "segments"} <= set(pictures) else ("photo", "render")
    shown = [(LAYER_TITLES[layer], pictures[layer]) for layer in pair if layer in pictures]
    name = escape(view.name)
    links = "".join(
        f'<a href="#{anchor}" data-view="{anchor}"><img src="{data_uri(picture, THUMBNAIL)}" '
        f'alt="{title} of view {name}" decoding="async"><span>{title} of {name}</span></a>'
        for title, picture in shown
    )
    return f'<div class="proof">{links}</div>'


def _finding(finding: ReportFinding, proof: str, anchors: Mapping[str, str], segments: Mapping[int, str]) -> str:
    links = [f'<a href="#{anchor}" data-view="{anchor}">{escape(name)}</a>' for name, anchor in anchors.items()]
    shown = f'<p class="links"><span>Show</span> {" ".join(links)}</p>' if links else ""
    text = f"<p>{linked(finding.text, segments)}</p>" if finding.text else ""
    command = f" <code>{escape(finding.command)}</code>" if finding.command else ""
    advice = f'<p class="advice"><b>What to do:</b> {escape(finding.advice)}{command}</p>' if finding.advice else ""
    return (
        f'<li class="finding {finding.level}"><span class="level">{LEVELS[finding.level]}</span>'
        f"<div><h3>{escape(finding.title)}</h3>{text}{advice}{shown}{proof}</div></li>"
    )


def _segments(finding: ReportFinding, names: Mapping[int, str], crops: Mapping[int, np.ndarray]) -> str:
    """Build the pictures of the segments that a finding is about, each a link to its row."""
    there = [key for key in finding.segments if key in names]
    items = []
    for key in there[:LINKED]:
        picture = f'<img src="{data_uri(crops[key])}" alt="" decoding="async">' if key in crops else "<i></i>"
        link = f'<a href="#segment-{key}" data-segment-link="{key}" tabindex="-1" aria-hidden="true">{picture}</a>'
        items.append(f"<li>{link}{link_to(key, names)}</li>")
    more = f'<li class="rest">and {len(there) - LINKED:,} more</li>' if len(there) > LINKED else ""
    return f'<ul class="concerned">{"".join(items)}{more}</ul>' if items else ""
