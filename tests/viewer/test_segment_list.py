"""The list of segments: what is found, in which order, on which page, and that a name is never HTML."""

from __future__ import annotations

import re

from splatseg.segments.segment import Segment
from splatseg.viewer.panels.segment_list import ROWS, ListState, found, list_html, page_of, pages_of

BOX = ((0.0, 0.0, 0.0), (1.0, 1.0, 1.0))


def rows(count: int) -> list[Segment]:
    return [Segment(i, f"thing {i}", (i % 256, 2, 3), 1000 - i, BOX) for i in range(1, count + 1)]


def shown(text: str) -> list[int]:
    return [int(number) for number in re.findall(r'data-segment="(\d+)"', text)]


def html_of(table: list[Segment], state: ListState = ListState(), visible: frozenset[int] = frozenset()) -> str:  # noqa: B008
    return list_html(table, state, visible, lambda expression: f"send({expression})".replace('"', "&quot;"))


def test_three_hundred_segments_come_in_pages() -> None:
    table = rows(300)
    assert pages_of(300) == 300 // ROWS and pages_of(0) == 1 and pages_of(ROWS + 1) == 2
    assert shown(html_of(table)) == list(range(1, ROWS + 1))
    last = list(range(301 - ROWS, 301))
    text = html_of(table, ListState(page=300 // ROWS - 1))
    assert shown(text) == last
    assert f"{last[0]}–300 of 300" in text
    assert shown(html_of(table, ListState(page=99))) == last, "no page past the last"


def test_a_search_finds_parts_of_names_and_whole_numbers() -> None:
    table = [*rows(30), Segment(77, "Blue Mug", (0, 0, 0), 5, BOX)]
    assert [row.id for row in found(table, ListState(search="mug"))] == [77]
    assert [row.id for row in found(table, ListState(search=" 77 "))] == [77]
    assert "No segment is called that" in html_of(table, ListState(search="nothing"))


def test_rows_come_in_the_order_that_is_asked_for() -> None:
    table = [Segment(1, "b", (0, 0, 0), 5, BOX), Segment(2, "a", (0, 0, 0), 9, BOX), Segment(3, "C", (0, 0, 0), 1, BOX)]
    orders = {
        sort: [row.id for row in found(table, ListState(sort=sort))] for sort in ("Largest first", "Name", "Number")
    }
    assert orders == {"Largest first": [2, 1, 3], "Name": [2, 1, 3], "Number": [1, 2, 3]}


def test_the_page_of_a_segment_is_where_it_is_shown() -> None:
    table = rows(3 * ROWS)
    page = page_of(table, ListState(), 2 * ROWS + 4)
    assert page == 2
    assert 2 * ROWS + 4 in shown(html_of(table, ListState(page=page)))
    assert page_of(table, ListState(search="none"), 24) is None


def test_a_name_is_text_and_never_html() -> None:
    text = html_of([Segment(1, '<img src=x onerror="alert(1)">', (0, 0, 0), 5, BOX)])
    assert "<img src=x" not in text and '"alert' not in text
    assert "&lt;img src=x onerror=&quot;alert(1)&quot;&gt;" in text


def test_noisy_segments_are_folded_away_until_asked_for() -> None:
    sure, noisy, named = (
        Segment(1, "segment 1", (0, 0, 0), 9, BOX, confidence=0.9),
        Segment(2, "segment 2", (0, 0, 0), 8, BOX, confidence=0.1),
        Segment(3, "mug", (0, 0, 0), 7, BOX, confidence=0.1),
    )
    table = [sure, noisy, named, *rows(0)]
    assert shown(html_of(table)) == [1, 3]
    assert "1 noisy segment folded away" in html_of(table)
    assert shown(html_of(table, ListState(noisy=True))) == [1, 2, 3]
    assert shown(html_of(table, ListState(search="segment"))) == [1, 2], "a search finds them all the same"
    assert "noisy" not in html_of([sure, named])


def test_a_row_has_its_thumbnail() -> None:
    text = list_html(rows(2), ListState(), (), str, {2: "data:image/webp;base64,AAAA"})
    assert text.count('<img src="data:image/webp;base64,AAAA"') == 1


def test_a_row_shows_its_colour_whether_it_is_chosen_ticked_and_visible() -> None:
    table = rows(3)
    text = html_of(table, ListState(chosen=2, ticked=frozenset({3})), frozenset({1, 2}))
    assert 'class="ss-row chosen" data-segment="2"' in text
    assert 'class="ss-row hidden" data-segment="3"' in text
    assert text.count("checked") == 1
    assert 'value="#010203"' in text
