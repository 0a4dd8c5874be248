"""The section of findings, worst first, each with its views and segments; and the list of checks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from splatseg.report.data import LAYER_TITLES, ReportFinding, ReportView
from splatseg.report.html import section
from splatseg.report.inline_pictures import data_uri
from splatseg.report.sections.views import anchors_of

LEVELS = {"serious": "Serious", "notable": "Notable", "minor": "Minor"}
"""Labels of the levels of findings."""

LINKED = 8
"""Most views, and most segments, that one finding links to."""

THUMBNAIL = 320
"""Width in pixels of the pictures that prove a finding."""


def findings_section(
    findings: Sequence[ReportFinding], checks: Sequence[str], views: Sequence[ReportView], segments: Mapping[int, str]
) -> str:
    """Build the section; empty without findings and checks. views: the pictured views; segments: names by id."""
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
    links += [
        f'<a href="#segment-{key}" data-segment-link="{key}">{escape(segments[key])}</a>'
        for key in finding.segments
        if key in segments
    ][:LINKED]
    shown = f'<p class="links"><span>Show</span> {" ".join(links)}</p>' if links else ""
    text = f"<p>{escape(finding.text)}</p>" if finding.text else ""
    return (
        f'<li class="finding {finding.level}"><span class="level">{LEVELS[finding.level]}</span>'
        f"<div><h3>{escape(finding.title)}</h3>{text}{shown}{proof}</div></li>"
    )
