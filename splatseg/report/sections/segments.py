"""The table of segments. The page's script searches, sorts and highlights it; without the script it shows all rows."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from splatseg.report.data import ReportSegment
from splatseg.report.html import bar, section
from splatseg.report.inline_pictures import data_uri
from splatseg.segments.palette import hex_color

NOTE = "Size is the box around a segment without what is far out, in the units of the scene."


def segments_section(segments: Sequence[ReportSegment], confidence: str = "") -> str:
    """Build the table, the largest segment first. confidence: a sentence that defines it or says why there is none."""
    if not segments:
        return ""
    ordered = sorted(segments, key=lambda segment: (-segment.count, segment.id))
    known = any(segment.confidence is not None for segment in ordered)
    heads = [
        '<th scope="col">Picture</th>' if any(segment.picture is not None for segment in ordered) else "",
        '<th scope="col" data-sort="name">Segment</th>',
        '<th scope="col" data-sort="confidence" data-first="up" class="number">Confidence</th>' if known else "",
        '<th scope="col" data-sort="count" data-first="down" class="number" aria-sort="descending">Gaussians</th>',
        '<th scope="col" data-sort="size" data-first="down" class="number">Size</th>',
        '<th scope="col">Remarks</th>' if any(segment.remark for segment in ordered) else "",
    ]
    rows = "\n".join(_row(segment, [bool(head) for head in heads]) for segment in ordered)
    table = (
        f'<div class="scroll"><table class="segments"><thead><tr>{"".join(heads)}</tr></thead>'
        f"<tbody>\n{rows}\n</tbody></table></div>"
    )
    noisy = sum(bool(segment.remark) for segment in ordered)
    only = f'<label class="check"><input type="checkbox" name="noisy"> Only noisy ({noisy:,})</label>' if noisy else ""
    controls = (
        '<form class="controls search" role="search" autocomplete="off" hidden>'
        '<label class="grow"><span class="hidden">Search segments</span>'
        '<input type="search" name="query" placeholder="Name or id"></label>'
        f'{only}<output aria-live="polite"></output></form>'
    )
    note = " ".join(part for part in (escape(confidence), NOTE) if part)
    return section("segments", "Segments", f"{controls}\n{table}", note, f"{len(ordered):,}")


def _row(segment: ReportSegment, shown: Sequence[bool]) -> str:
    size = " × ".join(f"{side:.3g}" for side in segment.size)
    cells = [
        f'<td class="picture">{_picture(segment)}</td>',
        f'<th scope="row"><span class="swatch" style="background:{hex_color(segment.color)}"></span>'
        f'<span class="name" data-name-of="{segment.id}">{escape(segment.name)}</span> '
        f'<span class="id">id {segment.id}</span></th>',
        f'<td class="number share" data-head="Confidence">{_confidence(segment.confidence)}</td>',
        f'<td class="number" data-head="Gaussians">{segment.count:,}</td>',
        f'<td class="number" data-head="Size">{size}</td>',
        f'<td class="remark">{escape(segment.remark)}</td>',
    ]
    confidence = -1.0 if segment.confidence is None else segment.confidence
    facts = {
        "id": f"segment-{segment.id}",
        "data-segment": segment.id,
        "data-count": segment.count,
        "data-size": f"{max(segment.size):.6g}",
        "data-confidence": f"{confidence:.4f}",
        "data-noisy": int(bool(segment.remark)),
    }
    attributes = " ".join(f'{name}="{value}"' for name, value in facts.items())
    return f"<tr {attributes}>{''.join(cell for cell, kept in zip(cells, shown, strict=True) if kept)}</tr>"


def _picture(segment: ReportSegment) -> str:
    if segment.picture is None:
        return "<i></i>"
    height, width = segment.picture.shape[:2]
    uri = data_uri(segment.picture)
    return f'<img src="{uri}" width="{width}" height="{height}" alt="" decoding="async">'


def _confidence(value: float | None) -> str:
    return "–" if value is None else f"{bar(value)}{value:.2f}"
