"""The page of a batch, OUT/status.html: what failed with its sentence, what runs, what is done, what waits.

It has no script; while the batch runs, the browser loads it anew every few seconds. Pictures are files beside it, so
that a page of a thousand scenes is written in no time. All texts from outside are escaped.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from html import escape
from importlib.resources import files as resources
from pathlib import Path
from string import Template
from urllib.parse import quote

from splatseg.files import write_text
from splatseg.jobs.batching.overview import ORDER, Overview, Shown
from splatseg.report.html import duration

REFRESH = 3
"""Seconds after which a browser loads the page of a running batch again."""

FIGURES = {
    "psnr": "PSNR {:.2f} dB",
    "miou": "mIoU {:.3f}",
    "segments": "{:,} segments",
    "noisy_segments": "{:,} noisy",
    "gaussians": "{:,} Gaussians",
    "masks": "{:,} masks",
    "views": "{:,} views",
    "files": "{:,} files",
    "findings": "{:,} findings",
}
"""Figures that a card shows, in this order, and their words; zeros are left out."""

TITLES = {"failed": "Failed", "running": "Running", "stopped": "Stopped", "done": "Done", "waiting": "Waiting"}


def write_page(path: Path, overview: Overview) -> None:
    """Write the page of a batch, atomically. Raises OSError."""
    write_text(path, status_html(overview))


def status_html(overview: Overview) -> str:
    """Return the page of a batch as HTML."""
    runs = overview.workers > 0
    written = time.strftime("%H:%M:%S on %d %b %Y", time.localtime(overview.at))
    engine = f' <a href="{escape(overview.dashboard)}">The engine\'s own page</a>.' if overview.dashboard else ""
    return Template(_resource("status.html")).substitute(
        title=escape(f"{overview.out.resolve().name}: {overview.do}"),
        lead=escape(lead_of(overview)),
        refresh=f'<meta http-equiv="refresh" content="{REFRESH}">' if runs else "",
        style=_resource("status.css"),
        share="".join(
            f'<span class="{state}" style="--of:{overview.counts[state]}"></span>'
            for state in ("done", "running", "stopped", "failed", "waiting")
            if overview.counts.get(state)
        ),
        sections="\n".join(filter(None, (_section(overview, state) for state in ORDER))),
        footer=f"{'As of' if runs else 'Ended, as of'} {written}. Made by splatseg.{engine}",
    )


def lead_of(overview: Overview) -> str:
    """Return the batch in a line: counts of states, and the time left."""
    counts = overview.counts
    told = [f"{counts['done']:,} of {len(overview.scenes):,} done"]
    told += [f"{counts[state]:,} {state}" for state in ("running", "failed", "stopped") if counts.get(state)]
    left = overview.left
    return ", ".join(told) + (f", about {about(left)} left" if left else "")


def about(seconds: float) -> str:
    """Format an estimate of seconds: whole ones."""
    return duration(round(seconds)).replace(".0 s", " s")


def figures_of(shown: Shown) -> str:
    """Return the figures of a scene in a line."""
    figures = shown.record.figures
    there = {name: words for name, words in FIGURES.items() if isinstance(figures.get(name), int | float)}
    told = {name: words.format(figures[name]) for name, words in there.items() if figures[name]}
    return " · ".join(text.removesuffix("s") if figures[name] == 1 else text for name, text in told.items())


def _section(overview: Overview, state: str) -> str:
    there = [shown for shown in overview.scenes if shown.record.state == state]
    if not there:
        return ""
    title = f"<h2>{TITLES[state]} <small>{len(there):,}</small></h2>"
    if state == "waiting":
        return f'{title}\n<p class="names">{escape(", ".join(shown.record.scene for shown in there))}</p>'
    kind = "failures" if state == "failed" else "scenes"
    return f'{title}\n<ul class="{kind}">\n' + "\n".join(_card(overview, shown) for shown in there) + "\n</ul>"


def _card(overview: Overview, shown: Shown) -> str:
    record = shown.record
    picture = ""
    with suppress(OSError):  # there may be none
        source = f"{_link(overview, shown.picture)}?{int(shown.picture.stat().st_mtime)}"
        image = f'<img src="{source}" alt="{escape(record.scene)}" loading="lazy">'
        picture = f'<span class="picture">{image}</span>'
    report = Path(record.output) / "report.html" if record.output else None
    links = {"report": report, "log": shown.log}
    there = {name: path for name, path in links.items() if path is not None and path.exists()}
    told = " · ".join(f'<a href="{_link(overview, path)}">{name}</a>' for name, path in there.items())
    lines = [f"<h3>{escape(record.scene)}</h3>", *_lines(shown), f"<p>{told}</p>" if told else ""]
    text = "\n".join(filter(None, lines))
    return f'<li class="scene {record.state}">{picture}<div class="text">\n{text}\n</div></li>'


def _lines(shown: Shown) -> Sequence[str]:
    """Return the lines of a scene's card under its name, as HTML."""
    record, now = shown.record, shown.now
    if record.state == "failed":
        return [f'<p class="error">{escape(record.error)}</p>', f"<p><code>{escape(record.command)}</code></p>"]
    if record.state == "running":
        if now is None:
            return ["<p>begins</p>"]
        left = f", about {about(now.left)} left" if now.left and now.left >= 1 else ""
        bar = f'<progress max="{max(now.total, 1)}" value="{now.done}"></progress>'
        facts = f"<p>{escape(now.figures)}</p>" if now.facts else ""
        return [f"<p>{escape(now.name)} {now.done:,}/{now.total:,}{left}</p>", bar, facts]
    if record.state == "stopped":
        return ["<p>goes on when the batch is repeated</p>"]
    count = len(record.warnings)
    warned = f" · {count} warning{'s' if count > 1 else ''}" if count else ""
    cost = f"{duration(record.seconds)}, {record.memory / 1e9:.1f} GB{warned}"
    return [f'<p class="figures">{escape(figures_of(shown))}</p>', f"<p>{cost}</p>"]


def _link(overview: Overview, path: Path) -> str:
    """Return a link from the page to a file: from its own folder if it lies there, so that OUT can be moved."""
    place, out = path.absolute(), overview.out.absolute()
    if place.is_relative_to(out):
        return escape(quote(place.relative_to(out).as_posix()))
    return escape(place.as_uri())


def _resource(name: str) -> str:
    return (resources("splatseg.jobs.batching") / "assets" / name).read_text(encoding="utf-8")
