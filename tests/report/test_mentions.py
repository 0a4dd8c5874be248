"""Segments that sentences mention: names where they are shown, and new ones in a page that is written."""

from __future__ import annotations

from pathlib import Path

from splatseg.report.data import ReportData, ReportFinding, ReportSegment
from splatseg.report.mentions import linked, mention, rename_in_page, spoken
from splatseg.report.page import report_html, write_report

NASTY = "<b>&\"mug'</b> \x02 7 \\1 $title"


def data(name: str) -> ReportData:
    return ReportData(
        title="A run",
        segments=[ReportSegment(7, name, (1, 2, 3), 5, (1, 1, 1)), ReportSegment(70, "table", (1, 2, 3), 9, (1, 1, 1))],
        findings=[ReportFinding(f"7 {name}", f"Merged: {mention(7)}, {mention(70)}, {mention(8)}.", segments=(7, 70))],
    )


def test_a_sentence_speaks_by_names_and_of_nameless_segments_by_number() -> None:
    assert spoken(f"{mention(7)} and {mention(8)}", {7: "mug"}) == "mug and segment 8"


def test_a_mention_is_a_link_to_a_segment_that_is_in_the_table() -> None:
    html = linked(f"<i> {mention(7)} {mention(8)}", {7: "a & b"})
    assert html.startswith('&lt;i&gt; <a href="#segment-7"') and ">a &amp; b</a> segment 8" in html


def test_a_page_with_new_names_is_the_page_that_would_be_written_with_them(tmp_path: Path) -> None:
    for before, after in (("segment 7", "red mug"), ("red mug", NASTY), (NASTY, "mug")):
        write_report(tmp_path / "report.html", data(before))
        assert rename_in_page(tmp_path / "report.html", {7: after, 70: "table"})
        expected = report_html(data(after)).replace(report_title(after), report_title(before))
        assert (tmp_path / "report.html").read_text() == expected


def report_title(name: str) -> str:
    """The heading of the finding, which is a text like any other and stays."""
    html = report_html(data(name))
    return html[html.index("<h3>") : html.index("</h3>")]


def test_a_page_that_has_the_names_already_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    write_report(path, data("mug"))
    before = path.stat().st_mtime_ns
    assert not rename_in_page(path, {7: "mug", 70: "table", 8: "lamp"})
    assert path.stat().st_mtime_ns == before
