"""Names of strangers show on a terminal as they are, do nothing there, and name files everywhere."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest

from splatseg.plain_text import LONGEST_LINE, LONGEST_STEM, file_stem, for_terminal, one_line, short_name

HOSTILE = [
    *("\x1b[2J", "\x1b]0;title\x07", "a\rb", "a\x00b", "\x9b31m", "\x85", "\u202eexe.ply", "\u2066x\u2069"),
    *("\u2028", "\u200f", "\ud800", "a\u200bb", "\ufeff", "a\x7f", "\x08\x08\x08", "\U000e0041"),
]


@pytest.mark.parametrize("text", HOSTILE, ids=ascii)
def test_nothing_that_a_terminal_obeys_or_hides_is_left(text: str) -> None:
    for clean in (for_terminal(text), one_line(text), short_name(text)):
        assert "\\" in clean and clean.encode("utf-8")
        assert not [c for c in clean if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp")]


def test_texts_of_all_scripts_and_emoji_stay_as_they_are() -> None:
    for text in ("Küche", "台所", "مطبخ", "क्षि", "👨\u200d👩\u200d👧", "a\tb", "[red]x[/red] :smile:", "C:\\new"):
        assert for_terminal(text) == one_line(text) == text


def test_lines_stay_lines_where_a_result_has_several_and_are_escaped_where_it_has_one() -> None:
    assert for_terminal("a\nb") == "a\nb"
    assert one_line("mug\nerror: all is lost") == "mug\\nerror: all is lost"


def test_a_line_without_end_is_cut_and_says_so() -> None:
    assert len(one_line("x" * 10**6)) < LONGEST_LINE + 30
    assert "1,000,000 characters" in one_line("x" * 10**6)
    assert len(short_name("x" * 10**6)) < 120


@pytest.mark.parametrize(
    ("name", "stem"),
    [
        ("red mug", "red_mug"),
        ("../../etc/passwd", "etc_passwd"),
        ("..", "segment"),
        ("C:\\Windows\\x", "C_Windows_x"),
        ("a\x00b\x1b[2J", "a_b_2J"),
        ("\u202egnp.exe", "gnp.exe"),
        ("", "segment"),
        ("\n", "segment"),
        ("CON", "CON_"),
        ("nul.txt", "nul.txt_"),
        ("com1", "com1_"),
        ("console", "console"),
        ("=cmd|' /C calc'!A0", "cmd_C_calc_A0"),
        ("-rf", "rf"),
        (".hidden", "hidden"),
        ("Küche", "Küche"),
        (unicodedata.normalize("NFD", "Küche"), "Küche"),
        ("台所", "台所"),
    ],
)
def test_a_name_becomes_a_name_of_a_file_that_every_system_takes(name: str, stem: str) -> None:
    assert file_stem(name) == stem


@pytest.mark.parametrize("name", ["x" * 10_000, "台" * 10_000, "𐌰" * 10_000, "\ud800" * 500])
def test_a_name_of_a_file_is_short_in_bytes(name: str, tmp_path: Path) -> None:
    stem = file_stem(name)
    assert 0 < len(stem.encode("utf-8")) <= LONGEST_STEM
    (tmp_path / f".001_{stem}.compressed.ply.segments.npz.1234567.part").write_bytes(b"")
