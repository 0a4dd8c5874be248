"""The list of segments as HTML: rows, each with a tick, a thumbnail, a colour, a name, a count and an eye.

The list is as long as the panel and scrolls; hundreds of segments come in pages. Noisy segments, which the masks hardly
support, are folded away until they are asked for; those that a user named are never noisy. Colours of text and lines
are the client's own (Mantine's variables), so that the list fits light and dark themes.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from splatseg.report.findings import NOISY
from splatseg.segments.segment import Segment

ROWS = 60
"""Rows per page: each click sends a page anew, thumbnails included, some 2 kB a row."""

SORTS: dict[str, Callable[[Segment], Any]] = {
    "Largest first": lambda row: (-row.count, row.id),
    "Name": lambda row: (row.name.casefold(), row.id),
    "Number": lambda row: row.id,
}
"""Sort keys of the rows, by the label of the order."""

STYLE = """<style>
.ss-list{margin:0 0.75em 0.9em;font-size:0.8125em;border:1px solid var(--mantine-color-default-border);
border-radius:4px}
.ss-rows{max-height:max(14em,calc(100vh - 34em));overflow-y:auto}
.ss-row{display:grid;grid-template-columns:1.4em 2.2em 1.5em 1fr auto 1.8em;align-items:center;gap:0.35em;height:2.5em;
padding:0 0.45em;cursor:pointer;border-bottom:1px solid var(--mantine-color-default-border)}
.ss-row:hover{background:var(--mantine-color-default-hover)}
.ss-row.chosen{background:var(--mantine-primary-color-light);font-weight:600}
.ss-row.hidden .ss-name,.ss-row.hidden .ss-count{opacity:0.45}
.ss-name{overflow:hidden;text-overflow:ellipsis;white-space:nowrap}
.ss-count{font-variant-numeric:tabular-nums;color:var(--mantine-color-dimmed)}
.ss-row img,.ss-none{width:2.2em;height:2.2em;border-radius:3px;display:block}
.ss-none{background:var(--mantine-color-default-hover)}
.ss-list input[type=checkbox]{margin:0;cursor:pointer}
.ss-list input[type=color]{width:1.35em;height:1.35em;padding:0;border:0;background:none;cursor:pointer}
.ss-eye{border:0;background:none;color:inherit;cursor:pointer;padding:0;line-height:0;opacity:0.8}
.ss-foot{display:flex;justify-content:space-between;align-items:center;padding:0.25em 0.45em;
color:var(--mantine-color-dimmed)}
.ss-foot button{border:1px solid var(--mantine-color-default-border);background:none;color:inherit;border-radius:3px;
cursor:pointer;padding:0 0.6em;font-size:1em}
.ss-foot button:disabled{opacity:0.35;cursor:default}
</style>"""

EYE = (
    '<svg width="15" height="15" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="2">'
    '<path d="M2 12c2.7-4.7 6-7 10-7s7.3 2.3 10 7c-2.7 4.7-6 7-10 7s-7.3-2.3-10-7z"/>{pupil}</svg>'
)
OPEN_EYE = EYE.format(pupil='<circle cx="12" cy="12" r="3"/>')
CLOSED_EYE = EYE.format(pupil='<path d="M3 3l18 18"/>')

NOTHING = "data:image/gif;base64,R0lGODlhAQABAAAAACH5BAEKAAEALAAAAAABAAEAAAICTAEAOw=="
"""An image of one transparent pixel."""


@dataclass(frozen=True)
class ListState:
    """The state of the list: search, order, page, chosen and ticked rows."""

    search: str = ""
    """Part of a name, or a number; empty finds all rows."""
    sort: str = "Largest first"
    """Order of the rows, a key of SORTS."""
    page: int = 0
    """The page shown, from 0."""
    chosen: int | None = None
    """Id of the chosen segment, if any."""
    ticked: frozenset[int] = frozenset()
    """Ids of the ticked segments."""
    noisy: bool = False
    """True if noisy segments are shown, too."""


def is_noisy(row: Segment) -> bool:
    """Return True for a segment that the masks hardly support, and that nobody has named."""
    return row.confidence is not None and row.confidence < NOISY and row.name == f"segment {row.id}"


def found(rows: Sequence[Segment], state: ListState) -> list[Segment]:
    """Return the rows whose name contains the search text, or whose number equals it, in the order of the state.

    Without a search, noisy rows are left out unless the state shows them.
    """
    word = state.search.strip().casefold()
    matching = [row for row in rows if word in row.name.casefold() or word == str(row.id)]
    if not word and not state.noisy:
        matching = [row for row in matching if not is_noisy(row)]
    return sorted(matching, key=SORTS[state.sort])


def pages_of(count: int) -> int:
    """Return the number of pages that `count` rows fill, at least 1."""
    return max(1, -(-count // ROWS))


def page_of(rows: Sequence[Segment], state: ListState, identity: int) -> int | None:
    """Return the page of a segment; None if the search does not find it."""
    for place, row in enumerate(found(rows, state)):
        if row.id == identity:
            return place // ROWS
    return None


def list_html(
    rows: Sequence[Segment],
    state: ListState,
    visible: Collection[int],
    send: Callable[[str], str],
    thumbnails: Mapping[int, str] | None = None,
) -> str:
    """Return the list's present page as HTML.

    visible: ids of the segments with an open eye.
    send: send(expression) returns the handler that sends the value of a JavaScript expression.
    thumbnails: data URIs by id; rows without one have a grey square.
    """
    matching = found(rows, state)
    last = pages_of(len(matching)) - 1
    page = min(max(state.page, 0), last)
    shown = matching[page * ROWS : (page + 1) * ROWS]
    body = "".join(_row(row, state, row.id in visible, send, (thumbnails or {}).get(row.id)) for row in shown)
    if not shown:
        body = '<div class="ss-foot">No segment is called that.</div>'
    first = page * ROWS + 1 if shown else 0
    before, after = send("'page:-1'"), send("'page:1'")
    foot = (
        f'<div class="ss-foot"><button title="Previous rows" {"" if page > 0 else "disabled"} '
        f'onclick="{before}">‹</button>'
        f"<span>{first}–{page * ROWS + len(shown)} of {len(matching)}</span>"
        f'<button title="More rows" {"" if page < last else "disabled"} '
        f'onclick="{after}">›</button></div>'
    )
    # The client writes the list anew at every change. The last image to be loaded puts it back to where it was, and the
    # keyboard to the row that had it.
    keep = "window.__ssTop=this.scrollTop"
    back = (
        "const list=this.closest('.ss-rows');list.scrollTop=window.__ssTop||0;this.remove();"
        "for(const row of list.querySelectorAll('[data-segment]'))"
        "if(row.dataset.segment===window.__ssFocus)row.focus({preventScroll:true})"
    )
    return (
        f'{STYLE}<div class="ss-list"><div class="ss-rows" role="list" aria-label="Segments" onscroll="{keep}">{body}'
        f'<img src="{NOTHING}" onload="{back}" alt=""></div>{_noisy_html(rows, state, send)}{foot}</div>'
    )


def _noisy_html(rows: Sequence[Segment], state: ListState, send: Callable[[str], str]) -> str:
    """Return the line that tells of noisy segments, and folds or unfolds them; empty if there are none."""
    count = sum(map(is_noisy, rows))
    if not count or state.search.strip():
        return ""
    told = f"{count:,} noisy segment{'s' if count > 1 else ''}{' among them' if state.noisy else ' folded away'}"
    hint = "Masks of few views support them. splatseg segment RUN --granularity with a larger number merges them"
    press = send(f"'noisy:{0 if state.noisy else 1}'")
    return (
        f'<div class="ss-foot"><span title="{hint}">{told}</span>'
        f'<button title="{hint}" onclick="{press}">{"Fold" if state.noisy else "Show"}</button></div>'
    )


def _row(row: Segment, state: ListState, visible: bool, send: Callable[[str], str], thumbnail: str | None) -> str:
    name = html.escape(row.name)
    classes = "ss-row" + (" chosen" if row.id == state.chosen else "") + ("" if visible else " hidden")
    color = "#{:02x}{:02x}{:02x}".format(*row.color)
    alone = "event.stopPropagation();"
    chosen = send(f"(event.shiftKey?'add':event.ctrlKey||event.metaKey||event.altKey?'remove':'choose')+':{row.id}'")
    ticked, colored = alone + send(f"'tick:{row.id}'"), send(f"'color:{row.id}:'+this.value")
    seen = alone + send(f"'eye:{row.id}'")
    shown = f"{'Hide' if visible else 'Show'} {name}"
    picture = f'<img src="{thumbnail}" alt="">' if thumbnail else '<span class="ss-none"></span>'
    # Tab reaches a row, Enter and the space bar choose it, with Shift and Ctrl as a click does.
    pressed = (
        "if(event.target===this&&(event.key==='Enter'||event.key===' ')){event.preventDefault();"
        "event.stopPropagation();"
        "this.dispatchEvent(new MouseEvent('click',{shiftKey:event.shiftKey,ctrlKey:event.ctrlKey}))}"
    )
    focus = (
        f'tabindex="0" role="listitem" aria-label="{name}, {row.count:,} Gaussians" onkeydown="{pressed}" '
        'onfocus="window.__ssFocus=this.dataset.segment" onblur="if(event.relatedTarget)window.__ssFocus=\'\'"'
    )
    return (
        f'<div class="{classes}" data-segment="{row.id}" {focus} onclick="{chosen}">'
        f'<input type="checkbox" title="Tick two or more to merge them" {"checked" if row.id in state.ticked else ""} '
        f'onclick="{ticked}">{picture}'
        f'<input type="color" value="{color}" title="The colour of {name}" onclick="{alone}" onchange="{colored}">'
        f'<span class="ss-name" title="{name} (number {row.id}): click selects it, Shift adds, Ctrl takes away">{name}'
        f'</span><span class="ss-count" title="Gaussians">{row.count:,}</span>'
        f'<button class="ss-eye" title="{shown}" aria-label="{shown}" onclick="{seen}">'
        f"{OPEN_EYE if visible else CLOSED_EYE}</button></div>"
    )
