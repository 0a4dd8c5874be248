"""JSON that people edit and strangers send, and typed access to it and to YAML (`yaml_documents`) that names the field.

    rows = read_json(path)                                # a Field
    row = rows.items("row")[2]
    row["id"].whole(low=1), row["box"].items()[0].numbers(3)

Bad syntax is a DocumentError with its line; a value of the wrong type or size is one with its field ("row 3, id is
1e999; a whole number from 1 is expected"). Callers put the file before it and what to do behind it.

A text is parsed only if its values fit into memory (`untrusted.memory`). Nesting too deep for the parser, a name twice
in one object and whole numbers of hundreds of digits are refused in both languages; in YAML also aliases and merges,
which can grow exponentially, and more than `MOST_YAML` characters, since its parser is slow. What a parser lets pass,
`Field` does not: NaN, infinity, single halves of surrogate pairs.
"""

from __future__ import annotations

import json
import math
import re
from collections import Counter
from collections.abc import Collection, Hashable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from splatseg.untrusted.memory import Guard

LONGEST_SHOWN = 40
"""Most characters of a value that a message repeats."""

MOST_DIGITS = 300
"""Most digits of a whole number: more than any float64 has before its decimal point."""

_COSTS = {"{": 200, "[": 64, ",": 40, '"': 30}
"""Bytes that Python takes for a mapping, a list, a value and half a string, besides their characters, by the character
that announces them."""

HALF = re.compile(r"\\[uU](?:0000)?[dD][89a-fA-F]")
"""Half of a surrogate pair, as both languages escape it."""

MALFORMED = (ValueError, TypeError, LookupError, ArithmeticError, AttributeError, RecursionError, MemoryError)
"""Errors that the parsers raise for malformed text besides their own; PyYAML lets those of `int` and `date` pass."""


class DocumentError(ValueError):
    """A document has bad syntax, or a value that does not fit; the message says where in it."""


@dataclass(frozen=True)
class Field:
    """A value of a document and its place in it. All methods raise DocumentError for a value that does not fit."""

    value: Any
    """The value as JSON or YAML gives it."""
    place: str = ""
    """Place in the document, such as "row 3, box"; empty for the document itself."""
    halves: bool = False
    """The document has halves of surrogate pairs, which may be of a pair, or alone."""

    def plain(self) -> Any:
        """Return the value for a reader that looks into it by itself; all of its texts are whole."""
        if self.halves and not _is_unicode(json.dumps(self.value, ensure_ascii=False, default=str, skipkeys=True)):
            raise DocumentError(f"{self._subject()} holds halves of characters")
        return self.value

    def __getitem__(self, name: str) -> Field:
        """Return a field of an object."""
        fields = self._object()
        if name not in fields:
            raise DocumentError(f"{self._subject()} has no {name}")
        return Field(fields[name], self._inner(name), self.halves)

    def get(self, name: str) -> Field | None:
        """Return a field of an object, None if it is absent or null."""
        value = self._object().get(name)
        return None if value is None else Field(value, self._inner(name), self.halves)

    def entries(self) -> dict[str, Field]:
        """Return all fields of an object by name."""
        return {str(name): Field(value, self._inner(str(name)), self.halves) for name, value in self._object().items()}

    def items(self, noun: str = "item") -> list[Field]:
        """Return the items of a list; messages call them by the noun and their number, from 1."""
        if not isinstance(self.value, list):
            raise self.wrong("a list")
        return [
            Field(value, self._inner(f"{noun} {number}"), self.halves)
            for number, value in enumerate(self.value, start=1)
        ]

    def text(self, pattern: str = "", like: str = "text") -> str:
        """Return a text; like: words for one that matches the regular expression `pattern` as a whole."""
        if not isinstance(self.value, str):
            raise self.wrong("text")
        if pattern and not re.fullmatch(pattern, self.value):
            raise self.wrong(like)
        # JSON can escape half of a character, which no file and no terminal can hold.
        if not _is_unicode(self.value):
            raise self.wrong("text without halves of characters")
        return self.value

    def choice(self, allowed: Collection[Hashable]) -> Any:
        """Return a value that is one of those allowed."""
        if not isinstance(self.value, Hashable) or self.value not in allowed or isinstance(self.value, bool):
            raise self.wrong(f"one of {', '.join(map(str, allowed))}")
        return self.value

    def whole(self, low: int | None = None, high: int | None = None) -> int:
        """Return a whole number from `low` to `high`; 3.0 is one."""
        expected = f"a whole number{_range(low, high)}"
        value = self.value
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if isinstance(value, bool) or not isinstance(value, int):
            raise self.wrong(expected)
        return int(self._within(value, low, high, expected))

    def number(self, low: float | None = None, high: float | None = None) -> float:
        """Return a finite number from `low` to `high`."""
        expected = f"a number{_range(low, high)}"
        if isinstance(self.value, bool) or not isinstance(self.value, int | float):
            raise self.wrong(expected)
        try:
            value = float(self.value)
        except OverflowError:
            raise self.wrong(expected) from None
        if not math.isfinite(value):
            raise self.wrong("a finite number")
        return self._within(value, low, high, expected)

    def numbers(self, count: int) -> tuple[float, ...]:
        """Return a list of `count` finite numbers."""
        items = self.items()
        if len(items) != count:
            raise self.wrong(f"a list of {count} numbers")
        return tuple(item.number() for item in items)

    def flag(self) -> bool:
        """Return true or false."""
        if not isinstance(self.value, bool):
            raise self.wrong("true or false")
        return self.value

    def wrong(self, expected: str) -> DocumentError:
        """Return the error of a value that is not as expected."""
        return DocumentError(f"{self._subject()} is {shown(self.value)}; {expected} is expected")

    def _object(self) -> Mapping[Any, Any]:
        if not isinstance(self.value, dict):
            raise self.wrong("an object with names")
        if self.halves and not all(_is_unicode(str(name)) for name in self.value):
            raise self.wrong("one whose names have no halves of characters")
        return self.value

    def _within(self, value: float, low: float | None, high: float | None, expected: str) -> float:
        if (low is not None and value < low) or (high is not None and value > high):
            raise self.wrong(expected)
        return value

    def _subject(self) -> str:
        return self.place or "it"

    def _inner(self, name: str) -> str:
        short = name if len(name) <= LONGEST_SHOWN else f"{name[:LONGEST_SHOWN]}..."
        return f"{self.place}, {short}" if self.place else short


def read_json(path: Path) -> Field:
    """Read a JSON file, with or without a byte order mark.

    Raises FileNotFoundError if there is none, DocumentError if it is not readable as JSON, or would take more memory
    than a file of its length may.
    """
    return parse_json(text_of(path))


def parse_json(text: str | bytes) -> Field:
    """Read JSON from a text; bytes are UTF-8. Raises DocumentError as `read_json` does, with the line of bad syntax."""
    words = text if isinstance(text, str) else _decoded(text)
    if not words.strip():
        raise DocumentError("it is empty")
    takes = 2 * len(words) + sum(cost * words.count(mark) for mark, cost in _COSTS.items())
    _guard(len(words)).check(f"{len(words):,} characters", takes)
    try:
        value = json.loads(words, parse_int=_whole_of, object_pairs_hook=_object_of)
        return Field(value, halves=HALF.search(words) is not None)
    except json.JSONDecodeError as error:
        raise DocumentError(f"line {error.lineno}: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise DocumentError("its lists and objects are nested too deeply") from None
    except DocumentError:
        raise
    except MALFORMED as error:
        raise DocumentError(reason_of(error)) from None


def id_of(name: str, high: int = 2**31 - 1) -> int:
    """Return a name of an object that is an id, 0 to `high`, as a number. Raises DocumentError for any other name."""
    number = int(name) if re.fullmatch("[0-9]{1,18}", name, re.ASCII) else -1
    if not 0 <= number <= high:
        raise DocumentError(f"the name {shown(name)} is not an id")
    return number


def shown(value: Any) -> str:
    """Return a value as a message repeats it: in JSON's words, on one line, cut to a few characters."""
    if isinstance(value, list):
        return f"a list of {len(value)}"
    if isinstance(value, dict):
        return "an object"
    if isinstance(value, float) and not math.isfinite(value):
        return "not a number (NaN)" if math.isnan(value) else "infinite"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        cut = value[:LONGEST_SHOWN]
        return repr(cut if cut == value else f"{cut}...")
    text = str(value)
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}..."


def text_of(path: Path) -> str:
    """Return the text of a file. Raises FileNotFoundError if there is none, DocumentError if it cannot be read."""
    try:
        length = Path(path).stat().st_size
        _guard(length).check(f"{length:,} bytes", 2 * length)
        data = Path(path).read_bytes()
    except FileNotFoundError:
        raise
    except OSError as error:
        raise DocumentError(error.strerror or str(error)) from None
    return _decoded(data)


def _guard(length: int) -> Guard:
    return Guard(DocumentError, "it", length)


def _decoded(data: bytes) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise DocumentError(f"line {line}: it is not text in UTF-8") from None


def _whole_of(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise DocumentError(f"it holds a number of {len(digits):,} digits")
    return int(digits)


def _object_of(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise DocumentError(f"an object has the name {shown(twice([name for name, _ in pairs]))} twice")
    return fields


def twice(names: list[str]) -> str:
    """Return the first name that is given twice."""
    return next(name for name, count in Counter(names).items() if count > 1)


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _range(low: float | None, high: float | None) -> str:
    return ("" if low is None else f" from {low}") + ("" if high is None else f" to {high}")


def reason_of(error: BaseException) -> str:
    """Return the message of an error on one line, or its type if it has no message."""
    return " ".join(str(error).split()) or type(error).__name__
