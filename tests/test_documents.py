"""JSON and YAML of people and strangers: the right value, or a sentence that names the line or the field."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from splatseg.untrusted.documents import DocumentError, Field, id_of, parse_json, read_json
from splatseg.untrusted.yaml_documents import read_yaml

DEEP = 100_000


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "it is empty"),
        (b'{\n "a": 1,\n', "line 3: "),
        (b'{"a": 1}\nrest', "line 2: Extra data"),
        (b'{"a":\n "\xff"}', "line 2: it is not text in UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "line 1: it is not text in UTF-8"),
        (b"[" * DEEP, "nested too deeply"),
        (b'{"a":' * DEEP, "nested too deeply"),
        (b'{"a": 1, "a": 2}', "an object has the name 'a' twice"),
        (b'{"a": ' + b"9" * 5000 + b"}", "a number of 5,000 digits"),
        (b"{'a': 1}", "line 1: "),
    ],
)
def test_json_that_cannot_be_read_names_its_line_or_its_fault(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(DocumentError, match=said):
        read_json(path)


def test_a_folder_in_place_of_a_file_is_told_and_a_missing_file_is_the_callers(tmp_path: Path) -> None:
    for read in (read_json, read_yaml):
        with pytest.raises(DocumentError, match="directory"):
            read(tmp_path)
        with pytest.raises(FileNotFoundError):
            read(tmp_path / "absent")


def test_text_with_the_mark_of_an_editor_is_read(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbf" + '{"a": "Küche"}'.encode())
    assert read_json(tmp_path / "a")["a"].text() == "Küche"
    assert read_yaml(tmp_path / "a")["a"].text() == "Küche"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a: [1,\n", "line 2: "),
        ("a: 1\n\tb: 2\n", "line 2: "),
        ("a: 1\n2026-02-31: x\n", "line 2: the value '2026-02-31' is impossible"),
        ("a: 1\nb: !!timestamp soon\n", "line 2: the value 'soon' is impossible"),
        ("a: !!int many", "line 1: the value 'many' is impossible"),
        ("a: !!bool perhaps", "line 1: the value 'perhaps' is impossible"),
        ("a: !!python/object/apply:os.getcwd []", "line 1: could not determine a constructor"),
        ("a: 1\na: 2\n", "the name 'a' is given twice"),
        ("a: 1\nc: {<<: {b: 1}}\n", "line 2: merged mappings are not read"),
        ("a: &x {b: 1}\nc: {<<: *x}\n", "line 2: an alias"),
        ("a: &x [*x]\n", "line 1: an alias"),
        ("? [1]\n: 2\n", "line 1: "),
        ("a: *b", "line 1: an alias"),
        ("a: \x07", "unacceptable character"),
        ("a: " + "9" * 5000, "line 1: the value '9999"),
        ("[" * 20_000, "nested too deeply"),
        ("- " * 20_000, "nested too deeply"),
    ],
)
def test_yaml_that_cannot_be_read_names_its_line_or_its_fault(tmp_path: Path, content: str, said: str) -> None:
    (tmp_path / "a.yaml").write_text(content)
    with pytest.raises(DocumentError, match=said):
        read_yaml(tmp_path / "a.yaml")


NUMBERS = ["1e999", "-1e999", "NaN", "1" + "0" * 290, "true", "null", '"3"', "[]", "{}", "1.5", "-1", "0", "11"]


@pytest.mark.parametrize("text", NUMBERS)
def test_a_whole_number_is_itself_within_its_range_or_told_with_its_field(text: str) -> None:
    with pytest.raises(DocumentError, match=r"^row 2, id is .*; a whole number from 1 to 10 is expected$"):
        parse_json(f'[{{}}, {{"id": {text}}}]').items("row")[1]["id"].whole(1, 10)


@pytest.mark.parametrize("text", ["1e999", "NaN", "-Infinity", "1" + "0" * 299, "true", "null", '"3"', "[]", "-0.5"])
def test_a_number_is_finite_and_within_its_range_or_told_with_its_field(text: str) -> None:
    with pytest.raises(DocumentError, match=r"^weight is .*; a (finite )?number.* is expected$"):
        parse_json(f'{{"weight": {text}}}')["weight"].number(0, 1e300 if text[0] != "1" else 1.0)


def test_values_of_the_right_type_are_given_back() -> None:
    field = parse_json('{"a": 3.0, "b": 2, "c": true, "d": [1, 2.5], "e": "x", "f": null}')
    assert (field["a"].whole(), field["b"].number(), field["c"].flag()) == (3, 2.0, True)
    assert (field["d"].numbers(2), field["e"].choice(("x", "y"))) == ((1.0, 2.5), "x")
    assert field.get("f") is None and field.get("g") is None and list(field.entries()) == list("abcdef")


@pytest.mark.parametrize(
    ("value", "method", "said"),
    [
        (1, "text", "text is expected"),
        ("\ud800", "text", "without halves of characters"),
        (0, "flag", "true or false is expected"),
        ("x", "items", "a list is expected"),
        ([], "entries", "an object with names is expected"),
    ],
)
def test_a_value_of_another_type_is_told(value: object, method: str, said: str) -> None:
    with pytest.raises(DocumentError, match=said):
        getattr(Field({"name": value})["name"], method)()


def test_a_field_that_is_missing_is_named_with_its_place() -> None:
    with pytest.raises(DocumentError, match=r"^row 1 has no color$"):
        parse_json("[{}]").items("row")[0]["color"]


def test_messages_stay_short_whatever_the_value() -> None:
    for value in ("x" * 10_000, [0] * 10_000, {"k": "v" * 10_000}, 10**290):
        with pytest.raises(DocumentError) as found:
            Field({"n" * 10_000: value}).entries()["n" * 10_000].flag()
        assert len(str(found.value)) < 200


@pytest.mark.parametrize("name", ["-1", "1.0", " 1", "x", "", "٣", "99999999999", "1" * 5000])
def test_a_name_that_is_no_id_is_told(name: str) -> None:
    with pytest.raises(DocumentError, match="is not an id"):
        id_of(name)


def test_all_of_json_survives_the_door() -> None:
    value = {"a": [1, -2.5, 1e300, "é\u202e", None, True, {"b": {}}], "": []}
    assert parse_json(json.dumps(value)).value == value
