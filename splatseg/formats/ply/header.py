"""The header of a PLY file: which elements follow, how many of each, and of which properties.

Alphabet: an element (here "vertex") has `count` rows of named, typed properties; the body starts at byte `offset`.
Source: Turk, "The PLY Polygon File Format", 1994; both the old (char, float) and the sized (int8, float32) type names.

A header is read from strangers: `ply_body` checks its numbers against the size of the file before it allocates.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from splatseg.errors import SplatFileError

HEADER_LIMIT = 1 << 20
"""Bytes. Real headers have a few thousand."""

BYTE_ORDERS = {"ascii": "=", "binary_little_endian": "<", "binary_big_endian": ">"}

TYPES = {
    **{"char": "i1", "uchar": "u1", "short": "i2", "ushort": "u2", "int": "i4", "uint": "u4"},
    **{"int8": "i1", "uint8": "u1", "int16": "i2", "uint16": "u2", "int32": "i4", "uint32": "u4"},
    **{"float": "f4", "double": "f8", "float32": "f4", "float64": "f8"},
}
"""PLY's type names and numpy's."""

TYPE_NAMES = {"i1": "char", "u1": "uchar", "i2": "short", "u2": "ushort"} | {
    **{"i4": "int", "u4": "uint", "f4": "float", "f8": "double"}
}
"""The names we write."""

END = re.compile(rb"^end_header[ \t]*(\r\n|\n|\Z)", re.MULTILINE)


@dataclass(frozen=True)
class Element:
    """`properties` in file order, (name, numpy type without byte order); `lists` names those of variable length."""

    name: str
    count: int
    properties: tuple[tuple[str, str], ...]
    lists: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the properties in file order."""
        return tuple(name for name, _ in self.properties)


@dataclass(frozen=True)
class Header:
    """What a PLY file says of itself. `encoding` is a key of `BYTE_ORDERS`."""

    encoding: str
    elements: tuple[Element, ...]
    comments: tuple[str, ...]
    offset: int

    def dtype(self, element: Element) -> np.dtype:
        """One row of an element without lists, packed, in the byte order of the file."""
        order = BYTE_ORDERS[self.encoding]
        return np.dtype([(name, order + kind) for name, kind in element.properties])


def read_header(path: Path) -> Header:
    """Read and check the header. Raises SplatFileError that names the file and the line at fault."""
    head = _head(path)
    end = END.search(head)
    if end is None:
        reason = "is longer than any real one" if len(head) == HEADER_LIMIT else "is cut off"
        raise SplatFileError(f"the PLY header of {path} {reason} (no end_header); export or copy the file again")
    encoding, elements, comments = "", list[Element](), list[str]()
    lines = head[: end.start()].decode("utf-8", errors="replace").splitlines()
    for number, line in enumerate(lines[1:], start=2):
        try:
            match line.split():
                case ["comment" | "obj_info", *_]:
                    comments.append(line.partition(" ")[2].strip())
                case ["format", name, _] if name in BYTE_ORDERS:
                    encoding = name
                case ["element", name, count]:
                    elements.append(Element(name, _count(count), (), ()))
                case ["property", *rest] if elements:
                    elements[-1] = _with_property(elements[-1], rest)
                case [_, *_]:
                    raise ValueError(line)
        except ValueError:
            raise SplatFileError(
                f"line {number} of the PLY header of {path} is not understood: {line[:80]!r}; export the file again"
            ) from None
    if not encoding:
        raise SplatFileError(f"the PLY header of {path} names no format; export the file again")
    return Header(encoding, tuple(elements), tuple(comments), end.end())


def _head(path: Path) -> bytes:
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
    if not (word.isascii() and word.isdigit() and len(word) <= 18):
        raise ValueError(word)
    return int(word)


def _with_property(element: Element, words: list[str]) -> Element:
    match words:
        case ["list", length, kind, name] if length in TYPES and kind in TYPES and name not in element.names:
            return Element(element.name, element.count, (*element.properties, (name, "")), (*element.lists, name))
        case [kind, name] if kind in TYPES and name not in element.names:
            return Element(element.name, element.count, (*element.properties, (name, TYPES[kind])), element.lists)
    raise ValueError(words)
