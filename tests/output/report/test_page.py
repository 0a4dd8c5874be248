"""The page: complete, offline, small, and safe whatever things are called."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from splatseg.output.report import (
    ROWS_SHOWN,
    ReportData,
    ReportSegment,
    ReportView,
    flattened,
    readable,
    report_html,
    write_report,
)

NASTY = "<script>alert(\"x\")</script> & 'y' $title ${numbers}"
VOID = {"meta", "img", "input", "br", "link", "hr"}


class Page(HTMLParser):
    """What a browser sees: text, and whether every tag is closed in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def picture(value: int = 120) -> np.ndarray:
    return np.full((24, 32, 3), value, np.uint8)


def data(name: str = "mug") -> ReportData:
    return ReportData(
        title=f"Run of {name}",
        subtitle=name,
        numbers={name: name, "Gaussians": 61_204},
        views=[
            ReportView(name, "test", picture(1), picture(2), picture(3), picture(4)),
            ReportView("b.jpg", "train", picture()),
        ],
        segments=[
            ReportSegment(1, "small", (1, 2, 3), 5, (0.1, 0.2, 0.3)),
            ReportSegment(2, name, (4, 5, 6), 50, (1, 2, 3), picture()),
        ],
        metrics={"mIoU": 0.91234, name: None},
        object_rows=[{"object": name, "IoU": 0.5, "pixels": 1234}, {"object": "x", "IoU": None}],
        settings={"seed": 0, "train": {name: name}},
        timings={name: 61.4, "lift": 0.5},
        warnings=[name],
    )


def test_the_page_is_well_formed_and_shows_all_it_was_given() -> None:
    page = Page(report_html(data()))
    assert page.open == []
    text = " ".join(page.text)
    for expected in ("Run of mug", "61,204", "0.912", "b.jpg", "small", "1,234", "train.mug", "1 min 01 s", "held out"):
        assert expected in text, expected


def test_names_with_markup_are_text_and_nothing_else() -> None:
    html = report_html(data(NASTY))
    page = Page(html)
    assert page.open == []
    assert html.count("<script>") == 1, "only the page's own script"
    text = "".join(page.text)
    # Title twice (head and heading), subtitle, figure's name and value, view, segment, metric, object, setting's name
    # and value, time, warning.
    assert text.count(NASTY) == 13
    assert ("img", "alt", f"Photograph of view {NASTY}") in page.attributes


def test_the_page_needs_no_network() -> None:
    page = Page(report_html(data()))
    links = [value for _, name, value in page.attributes if name in ("src", "href", "srcset", "action")]
    assert links
    assert all(value and value.startswith("data:image/") for value in links)
    assert not re.search(r"https?://|@import|url\(|//cdn", report_html(data()))


def test_every_picture_says_what_it_shows_and_every_control_has_a_name() -> None:
    page = Page(report_html(data()))
    pictures = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    described = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    assert len(pictures) == len(described) == 6
    assert sum(name == "aria-label" for tag, name, _ in page.attributes if tag == "input") == 2


def test_the_page_follows_the_reader_into_the_dark() -> None:
    assert "prefers-color-scheme: dark" in report_html(data())


def test_without_scripts_everything_is_shown_side_by_side() -> None:
    html = report_html(data())
    assert '<div class="views apart">' in html
    assert re.search(r'<form class="controls"[^>]* hidden>', html)


def test_what_is_not_there_leaves_no_empty_section() -> None:
    html = report_html(ReportData(title="Only a title"))
    assert "<section" not in html
    assert Page(html).open == []
    no_pictures = report_html(replace(data(), views=[ReportView("a", "test")]))
    assert 'id="views"' not in no_pictures


def test_segments_are_listed_the_largest_first_and_a_long_list_is_folded() -> None:
    many = [ReportSegment(k, f"thing {k}", (0, 0, 0), k, (1, 1, 1)) for k in range(1, ROWS_SHOWN + 8)]
    html = report_html(ReportData(title="t", segments=many))
    assert html.index(f"thing {ROWS_SHOWN + 7}<") < html.index("thing 1<")
    assert "<summary>7 more</summary>" in html
    assert Page(html).open == []


def test_a_page_of_the_demo_size_is_small() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (240, 320, 3)).astype(np.uint8)
    views = [ReportView(f"{k}.jpg", "test", noise, noise, noise, noise) for k in range(8)]
    assert len(report_html(ReportData(title="t", views=views))) < 4_000_000, "even if the pictures were pure noise"


def test_numbers_are_rounded_for_reading() -> None:
    values = [0.91234, 30.418, 412.26, 61_204, 1234567.8, 1.6e-4, 0.0, True, None, float("nan"), [1, 2], (), "a"]
    expected = [
        "0.912",
        "30.42",
        "412.3",
        "61,204",
        "1,234,568",
        "1.60e-04",
        "0.000",
        "yes",
        "–",
        "–",
        "1, 2",
        "–",
        "a",
    ]
    assert [readable(value) for value in values] == expected


def test_nested_settings_have_dotted_names() -> None:
    assert flattened({"a": {"b": {"c": 1}, "d": 2}, "e": {}}) == {"a.b.c": 1, "a.d": 2, "e": {}}


def test_the_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", data())
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == report_html(data())
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
