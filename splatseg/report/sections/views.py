"""The section of views: two layers of each view under a slider, or all side by side without JavaScript."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape

from splatseg.machine.threads import in_order
from splatseg.report.data import LAYER_TITLES, ReportView
from splatseg.report.html import section
from splatseg.report.inline_pictures import data_uri, label_map_uri

CHOSEN = ("photo", "segments")
"""The layers left and right of the slider at first."""

NOTE = (
    "Drag the line between two layers. Click a picture to enlarge it. Views marked <em>held out</em> were not used "
    "for training."
)


def anchors_of(views: Sequence[ReportView]) -> dict[str, str]:
    """Return the anchor of every view that has pictures, by name."""
    shown = [view for view in views if view.pictures()]
    return {view.name: f"view-{number}" for number, view in enumerate(shown, start=1)}


def views_section(views: Sequence[ReportView]) -> str:
    """Build the section of all views that have pictures; empty if none has."""
    anchors = anchors_of(views)
    shown = [view for view in views if view.name in anchors]
    if not shown:
        return ""
    there = [layer for layer in LAYER_TITLES if any(layer in view.pictures() for view in shown)]
    choices = "".join(_choices(side, there, chosen) for side, chosen in zip(("left", "right"), CHOSEN, strict=True))
    apart = '<label class="check"><input type="checkbox" name="apart"> All layers side by side</label>'
    controls = f'<form class="controls layers" autocomplete="off" hidden>{choices}{apart}</form>'
    cards = "\n".join(in_order(lambda view: _view(view, anchors), shown))
    note = NOTE + (
        " Point at a picture to see the name of the segment." if any(v.labels is not None for v in shown) else ""
    )
    return section("views", "Views", f'{controls}\n<div class="views apart">\n{cards}\n</div>', note, str(len(shown)))


def _choices(side: str, layers: Sequence[str], chosen: str) -> str:
    chosen = chosen if chosen in layers else layers[-1 if side == "right" else 0]
    options = "".join(
        f'<option value="{layer}"{" selected" if layer == chosen else ""}>{LAYER_TITLES[layer]}</option>'
        for layer in layers
    )
    return f'<label>{side.title()} <select name="{side}">{options}</select></label>'


def _view(view: ReportView, anchors: Mapping[str, str]) -> str:
    name = escape(view.name)
    pictures = []
    for layer, picture in view.pictures().items():
        height, width = picture.shape[:2]
        title = LAYER_TITLES[layer]
        pictures.append(
            f'<figure data-layer="{layer}"><img src="{data_uri(picture)}" width="{width}" height="{height}" '
            f'decoding="async" alt="{title} of view {name}"><figcaption>{title}</figcaption></figure>'
        )
    badges = '<span class="badge">held out</span>' if view.split == "test" else ""
    badges += f'<span class="badge bad">{escape(view.badge)}</span>' if view.badge else ""
    facts = f'<p class="facts">{escape(view.facts)}</p>' if view.facts else ""
    labels = "" if view.labels is None else f' data-labels="{label_map_uri(view.labels)}"'
    return (
        f'<article class="view" id="{anchors[view.name]}" data-name="{name}"{labels}>'
        f'<div class="stack">{"".join(pictures)}</div>'
        f'<div class="caption"><h3>{name} {badges}</h3>{facts}</div></article>'
    )
