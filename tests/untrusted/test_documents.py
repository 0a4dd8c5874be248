"""JSON and YAML of strangers: every fault is a DocumentError on one line, and no text grows beyond its memory."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splatseg.untrusted.documents import DocumentError, parse_json, read_json
from splatseg.untrusted.yaml_documents import parse_yaml, read_yaml


@pytest.mark.parametrize("text", ["[" * 100_000, '{"a":' * 100_000, "[1,", b"\xff", '"\\ud800"', "9" * 5000, ""])
def test_json_that_is_none_is_told(text: str | bytes) -> None:
    with pytest.raises(DocumentError, match=r"."):
        parse_json(text).plain()


def test_json_is_read_with_and_without_a_byte_order_mark(tmp_path: Path) -> None:
    value = {"a": [1, 2.5, None, "é😀"]}
    for encoding in ("utf-8", "utf-8-sig"):
        (tmp_path / "a.json").write_text(json.dumps(value), encoding=encoding)
        assert read_json(tmp_path / "a.json").value == value


def test_a_file_too_large_for_its_memory_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLATSEG_MEMORY", "8M")
    with (tmp_path / "a").open("wb") as file:
        file.truncate(1 << 40)
    for read in (read_json, read_yaml):
        with pytest.raises(DocumentError, match=r"^it declares 1,099,511,627,776 bytes, which would take"):
            read(tmp_path / "a")


def test_a_name_given_twice_among_very_many_is_found_at_once() -> None:
    names = ",".join(f'"{i}":0' for i in range(200_000))
    with pytest.raises(DocumentError, match="the name '199999' twice"):
        parse_json("{" + names + ',"199999":1}')


def test_json_that_would_become_many_objects_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPLATSEG_MEMORY", "8M")
    with pytest.raises(DocumentError, match=r"^it declares 900,\d+ characters, which would take"):
        parse_json("[" + "[]," * 300_000 + "[]]")
    assert len(parse_json("[" + "1," * 50_000 + "1]").items()) == 50_001


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("a: &a [1]\nb: *a", "alias"),
        ("a: {b: &b {c: 1}, d: *b}", "line 1: an alias"),
        ("a: {<<: {c: 1}}", "merged mappings are not read"),
        ('a: "\\ud800"', "halves of characters"),
        ('"\\U0000DFFF": 1', "halves of characters"),
        ("[" * 20_000, "nested too deeply"),
        ("\n".join(" " * i + "a:" for i in range(200)), "nested too deeply"),
        ("2020-13-45: 1", "the value '2020-13-45' is impossible"),
        ("!!float ''", "the value '' is impossible"),
        ("? [1]\n: 2", "unhashable"),
        ("a: 1\n" + "#" * 2_000_000, "at most 524,288"),
        ("!!python/object/apply:os.system [true]", "could not determine a constructor"),
        ("a: \0", "special characters"),
    ],
)
def test_yaml_that_is_not_plain_is_told_on_one_line(text: str, reason: str) -> None:
    with pytest.raises(DocumentError, match=reason) as told:
        parse_yaml(text).plain()
    assert "\n" not in str(told.value)


def test_halves_of_characters_are_told_with_their_field_and_pairs_are_read() -> None:
    document = parse_json('[{"name": "\\ud83d\\ude00"}, {"name": "\\ude00"}, {"\\ud83d": 1}]')
    first, second, third = document.items("row")
    assert first.plain() == {"name": "😀"} and first["name"].text() == "😀"
    with pytest.raises(DocumentError, match=r"^row 2, name is .* without halves of characters is expected$"):
        second["name"].text()
    with pytest.raises(DocumentError, match=r"^row 2 holds halves of characters$"):
        second.plain()
    with pytest.raises(DocumentError, match=r"^row 3 is .* halves of characters is expected$"):
        third.entries()


def test_plain_yaml_is_read() -> None:
    assert parse_yaml("a: {b: [1, 2.5, x]}\nc: null\n").value == {"a": {"b": [1, 2.5, "x"]}, "c": None}
