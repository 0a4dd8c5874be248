"""A run in plain words, and its figures."""

from __future__ import annotations

import pytest

from splatseg.report.data import ReportData
from splatseg.report.page import report_html
from splatseg.report.plain_words import in_plain_words


@pytest.mark.parametrize(
    ("psnr", "looks"),
    [(34.6, "look like the photographs"), (27.0, "come close"), (21.0, "blurred"), (18.2, "differ clearly")],
)
def test_decibels_are_said_as_what_they_look_like(psnr: float, looks: str) -> None:
    said = in_plain_words(psnr, 8, 26, 3, 0.934)
    assert looks in said and f"{psnr:.1f} dB on 8 views" in said
    assert "26 segments were found, 3 of them noisy." in said and "by 93%" in said


def test_what_was_not_measured_is_said_or_left_out() -> None:
    assert in_plain_words(None, 0, None, 0, None).startswith("No view was held out")
    assert in_plain_words(30.0, 1, 1, 0, None).endswith("1 segment was found, none of them noisy.")


def test_the_page_begins_with_plain_words_the_next_command_and_figures_explained() -> None:
    html = report_html(
        ReportData(
            title="A run", lead="It is <fine>.", command="splatseg view 'a b'", numbers={"mIoU": "0.9", "x": "1"}
        )
    )
    head = html[html.index("<header>") : html.index("</header>")]
    assert "It is &lt;fine&gt;." in head and "<code>splatseg view &#x27;a b&#x27;</code>" in head
    assert head.count("<small>") == 1 and "overlap of objects with the truth" in head
