"""The page: complete, offline, small, and safe whatever things are called."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from splatseg.capture.capture import load_capture
from splatseg.demo.demo import demo_capture
from splatseg.report.data import ReportData, ReportFinding, ReportSegment, ReportView
from splatseg.report.page import report_html, write_report

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
    labels = np.zeros((24, 32), np.int32)
    labels[5:15, 5:20] = 2
    return ReportData(
        title=f"Run of {name}",
        subtitle=name,
        numbers={name: name, "Gaussians": 61_204},
        views=[
            ReportView(name, "test", *(picture(k) for k in range(1, 6)), labels=labels, badge=name, facts=name),
            ReportView("b.jpg", "train", picture()),
        ],
        segments=[
            ReportSegment(1, "small", (1, 2, 3), 5, (0.1, 0.2, 0.3), confidence=0.125, remark=name),
            ReportSegment(2, name, (4, 5, 6), 50, (1, 2, 3), picture(), 0.875),
        ],
        findings=[ReportFinding(name, name, "serious", (name, "elsewhere.jpg"), (2, 99)), ReportFinding("dull")],
        checks=[name],
        confidence=f"What it is. {name}",
        metrics={"mIoU": 0.91234, name: None},
        object_rows=[{"object": name, "IoU": 0.5, "pixels": 1234}, {"object": "x", "IoU": None}],
        settings={"seed": 0, "train": {name: name}},
        timings={name: 61.4, "lift": 0.5},
    )


def test_the_page_is_well_formed_and_shows_all_it_was_given() -> None:
    page = Page(report_html(data()))
    assert page.open == []
    text = " ".join(page.text)
    for expected in ("Run of mug", "61,204", "0.912", "b.jpg", "small", "1,234", "train.mug", "1 min 01 s", "held out"):
        assert expected in text, expected
    for expected in ("0.88", "What it is.", "Serious", "dull", "Input masks", "Remarks"):
        assert expected in text, expected


def test_names_with_markup_are_text_and_nothing_else() -> None:
    html = report_html(data(NASTY))
    page = Page(html)
    assert page.open == []
    assert html.count("<script>") == 1, "only the page's own script"
    text = "".join(page.text)
    # Title twice (head and heading), subtitle, figure's name and value; view: name, badge, facts; finding: title, text,
    # two pictures, segment; check; confidence; segment: name, remark; metric, object, setting's name and value, time.
    assert text.count(NASTY) == 22
    assert ("img", "alt", f"Photograph of view {NASTY}") in page.attributes


def test_the_page_needs_no_network_and_forbids_itself_any() -> None:
    page = Page(report_html(data()))
    links = [value or "" for _, name, value in page.attributes if name in ("src", "href", "srcset", "action")]
    assert all(link.startswith(("data:image/", "#")) for link in links)
    assert not re.search(r"https?://|@import|//cdn", report_html(data()))
    policies = [value for tag, name, value in page.attributes if (tag, name) == ("meta", "content")]
    assert any(value and value.startswith("default-src 'none'; img-src data:;") for value in policies)


def test_every_link_inside_the_page_has_its_target() -> None:
    page = Page(report_html(data()))
    targets = {value for _, name, value in page.attributes if name == "id"}
    links = [value for tag, name, value in page.attributes if (tag, name) == ("a", "href")]
    assert links and all(link and link[1:] in targets for link in links)


def test_every_picture_says_what_it_shows_and_ids_are_given_once() -> None:
    page = Page(report_html(data()))
    pictures = [value for tag, name, value in page.attributes if (tag, name) == ("img", "src")]
    described = [value for tag, name, value in page.attributes if (tag, name) == ("img", "alt")]
    # Six layers of views, two proofs of a finding and its segment, a crop; the script fills two of the lightbox.
    assert len(pictures) == 10 and len(described) == 12
    ids = [value for _, name, value in page.attributes if name == "id"]
    assert len(ids) == len(set(ids))


def test_the_page_follows_the_reader_into_the_dark() -> None:
    assert "color-scheme: light dark" in report_html(data())


def test_without_scripts_everything_is_shown_side_by_side_and_no_dead_control_is() -> None:
    html = report_html(data())
    assert '<div class="views apart">' in html
    assert len(re.findall(r'<form class="controls (?:layers|search)"[^>]* hidden>', html)) == 2
    assert re.search(r'<fieldset class="theme" hidden>', html)
    rows = re.findall(r"<tr id=[^>]*>", html)
    assert len(rows) == 2 and not any("hidden" in row for row in rows)


def test_what_is_not_there_leaves_no_empty_section() -> None:
    html = report_html(ReportData(title="Only a title"))
    assert "<section" not in html
    assert Page(html).open == []
    no_pictures = report_html(replace(data(), views=[ReportView("a", "test")]))
    assert 'id="views"' not in no_pictures
    assert "#views" not in no_pictures


def test_a_run_without_findings_says_so_and_what_was_checked() -> None:
    html = report_html(replace(data(), findings=[]))
    assert "Nothing stands out." in html
    assert "<details open>" in html


def test_segments_are_listed_the_largest_first_all_of_them() -> None:
    many = [ReportSegment(k, f"thing {k}", (0, 0, 0), k, (1, 1, 1)) for k in range(1, 90)]
    html = report_html(ReportData(title="t", segments=many))
    assert html.index("thing 89<") < html.index("thing 1<")
    assert html.count("<tr id=") == 89
    assert Page(html).open == []


def test_without_confidence_there_is_no_column_of_it_but_the_reason() -> None:
    row = ReportSegment(1, "a", (0, 0, 0), 5, (1, 1, 1))
    html = report_html(ReportData(title="t", segments=[row], confidence="There is none, because."))
    assert "There is none, because." in html
    assert 'data-sort="confidence"' not in html and "Remarks" not in html


def test_a_page_of_the_demo_is_small() -> None:
    photos = [view.image() for view in load_capture(demo_capture()).views[:10]]
    views = [ReportView(f"{k}.jpg", "test", *[photo] * 5) for k, photo in enumerate(photos)]
    assert len(report_html(ReportData(title="t", views=views))) < 1_000_000


def test_the_page_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", data())
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == report_html(data())
    assert [path.name for path in tmp_path.iterdir()] == ["report.html"]
