"""The header of a PLY file: the elements that follow, with their number of rows and their properties.

Alphabet: an element (here "vertex") has `count` rows of named, typed properties; the body starts at byte `offset`.
Source: Turk, "The PLY Polygon File Format", 1994; both the old (char, float) and the sized (int8, float32) type names.

Headers are not trusted: `formats.ply.body` checks their numbers against the size of the file before it allocates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatseg.errors import SplatFileError

HEADER_LIMIT = 1 << 20
"""Largest header in bytes. Real headers have a few thousand."""

MOST_PROPERTIES = 1 << 13
"""Most properties of a header. A splat has 62, with features of a large model some 600."""

BYTE_ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}
"""PLY's encodings and numpy's byte orders."""

TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"float": "f4", "double": "f8", "float32": "f4", "float64": "f8"},
    **{"half": "f2", "float16": "f2", "long": "i8", "ulong": "u8", "int64": "i8", "uint64": "u8"},
}
"""PLY's type names and numpy's types, and those that programs add."""

TYPE_NAMES = {"i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort"} | {
    **{"i4": "int", "u4": "uint", "f4": "float", "f8": "double"}
}
"""Type names that we write, by numpy type."""

END = re.compile(rb"^end_header[ \t]*(\r\n|\n|\Z)", re.MULTILINE)
"""The last line of a header."""


@dataclass(frozen=True)
class Element:
    """An element: rows of the same properties."""

    name: str
    """Name of the element."""

    count: int
    """Number of rows."""

    properties: tuple[tuple[str, str], ...]
    """Properties in file order: (name, numpy type without byte order); the type of a list is empty."""

    lists: tuple[str, ...]
    """Names of the properties of variable length."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the properties in file order."""
        return tuple(name for name, _ in self.properties)


@dataclass(frozen=True)
class Header:
    """The header of a PLY file."""

    encoding: str
    """Encoding of the body, a key of `BYTE_ORDERS`."""

    elements: tuple[Element, ...]
    """Elements in file order."""

    comments: tuple[str, ...]
    """Comments without their keyword."""

    offset: int
    """Byte at which the body starts."""

    def dtype(self, element: Element) -> np.dtype:
        """Return the type of one row of an element without lists, packed, in the byte order of the file."""
        order = BYTE_ORDERS[self.encoding]
        return np.dtype([(name, order + kind) for name, kind in element.properties])


def read_header(path: Path) -> Header:
    """Read and check the header. Raises SplatFileError, which names the file and the faulty line."""
    head = _head(path)
    end = END.search(head)
    if end is None:
        reason = "is longer than any real one" if len(head) == HEADER_LIMIT else "is cut off"
        raise SplatFileError(f"the PLY header of {path} {reason} (no end_header); export or copy the file again")
    encoding, comments = "", list[str]()
    # Name, count and properties of each element, by name; the type of a list is empty.
    found: list[tuple[str, int, dict[str, str]]] = []
    lines = head[: end.start()].decode("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines[1:], start=2):
        try:
            match line.split():
                case ["comment" | "obj_info", *_]:
                    comments.append(line.partition(" ")[2].strip())
                case ["format", name, _] if name in BYTE_ORDERS:
                    encoding = name
                case ["element", name, count]:
                    found.append((name, _count(count), {}))
                case ["property", *rest] if found:
                    _add_property(found[-1][2], rest)
                case [_, *_]:
                    raise ValueError(line)
        except ValueError:
            raise SplatFileError(
                f"line {number} of the PLY header of {path} is not understood: {line[:80]!r}; export the file again"
            ) from None
    if not encoding:
        raise SplatFileError(f"the PLY header of {path} names no format; export the file again")
    declared = sum(len(properties) for _, _, properties in found)
    if declared > MOST_PROPERTIES:
        raise SplatFileError(
            f"the PLY header of {path} declares {declared:,} properties, more than the {MOST_PROPERTIES:,} that are "
            "read; export the file with fewer"
        )
    elements = [
        Element(name, count, tuple(properties.items()), tuple(key for key, kind in properties.items() if not kind))
        for name, count, properties in found
    ]
    return Header(encoding, tuple(elements), tuple(comments), end.end())


def _head(path: Path) -> bytes:
    """Read the first `HEADER_LIMIT` bytes. Raises SplatFileError if the file is missing or not a PLY file."""
    try:
        with path.open("rb") as file:
            head = file.read(HEADER_LIMIT)
    except FileNotFoundError:
        raise SplatFileError(f"there is no file {path}; check the path") from None
    except OSError as error:
        raise SplatFileError(f"{path} cannot be read ({error.strerror}); give a .ply file") from None
    if not re.match(rb"ply[ \t]*\r?\n", head):
        raise SplatFileError(f"{path} is not a PLY file (it does not begin with 'ply'); give a .ply or .splat file")
    return head


def _count(word: str) -> int:
    """Return a number of rows. Raises ValueError for any other word."""
    if not (word.isascii() and word.isdigit() and len(word) <= 18):
        raise ValueError(word)
    return int(word)


def _add_property(properties: dict[str, str], words: list[str]) -> None:
    """Add a property to those of its element. Raises ValueError for words that declare none, or one of them again."""
    match words:
        case ["list", length, kind, name] if length in TYPES and kind in TYPES and name not in properties:
            properties[name] = ""
        case [kind, name] if kind in TYPES and name not in properties:
            properties[name] = TYPES[kind]
        case _:
            raise ValueError(words)
