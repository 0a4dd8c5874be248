"""Rows of one element of a PLY file, as a structured array: mapped from the file, or parsed if the file is text.

Memory is allocated only if the file is long enough for the rows that its header declares.
"""

from __future__ import annotations

import io
from itertools import islice
from pathlib import Path

import numpy as np

from splatseg.errors import SplatFileError
from splatseg.formats.ply.header import Element, Header
from splatseg.untrusted.memory import Guard

NUMBER = 12
"""Bytes that a number takes: as it is parsed (8) or kept (4), and once more while it is converted and tested (4)."""


def read_element(path: Path, header: Header, name: str) -> np.ndarray:
    """Return the rows of an element (count,), structured by property name; read-only and mapped if the file is binary.

    Raises SplatFileError if there is no such element, if it has lists, or if the file is too short for it.
    """
    before: list[Element] = []
    for element in header.elements:
        if element.name == name:
            break
        before.append(element)
    else:
        found = ", ".join(e.name for e in header.elements) or "none"
        raise SplatFileError(f"{path} has no element {name!r} (found: {found}), so it holds no splat; export it again")
    if element.lists:
        raise SplatFileError(
            f"{path} has properties of variable length in {name!r} ({', '.join(element.lists)}), and a splat has none; "
            "export it again"
        )
    if header.encoding == "ascii":
        return _parse(path, header, element, before)
    return _map(path, header, element, before)


def _map(path: Path, header: Header, element: Element, before: list[Element]) -> np.ndarray:
    """Map the rows of a binary element, after the elements before it."""
    offset = header.offset
    for other in before:
        if other.lists and other.count:
            raise SplatFileError(
                f"{path} has an element {other.name!r} of variable length before {element.name!r}, which cannot be "
                f"skipped; write {element.name!r} first"
            )
        offset += other.count * header.dtype(other).itemsize if not other.lists else 0
    dtype = header.dtype(element)
    needed, size = offset + element.count * dtype.itemsize, path.stat().st_size
    if needed > size:
        raise SplatFileError(
            f"{path} is cut off: its header declares {element.count} rows of {element.name!r}, which need {needed} "
            f"bytes, and the file has {size}; export or copy it again"
        )
    _check_memory(path, element)
    if element.count == 0 or dtype.itemsize == 0:
        return np.empty(element.count if dtype.itemsize else 0, dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=(element.count,))


def _parse(path: Path, header: Header, element: Element, before: list[Element]) -> np.ndarray:
    """Parse the rows of an element in a text file, after the elements before it."""
    dtype = header.dtype(element)
    # A value takes at least a character and a separator; the last value needs no separator.
    room = path.stat().st_size - header.offset + 1
    skipped = sum(other.count for other in before)
    if element.count * len(element.properties) * 2 + skipped > room:
        raise SplatFileError(
            f"{path} is cut off: its header declares {element.count} rows of {element.name!r} and the file is too "
            "short for them; export or copy it again"
        )
    _check_memory(path, element)
    if element.count == 0 or not element.properties:
        return np.empty(0, dtype)
    with path.open("rb") as file:
        file.seek(header.offset)
        lines = (line for line in io.TextIOWrapper(file, encoding="latin-1") if line.strip())
        try:
            rows = np.loadtxt(islice(lines, skipped, skipped + element.count), ndmin=2, comments=None)
        except ValueError as error:
            raise SplatFileError(
                f"{path} has rows of {element.name!r} that are not numbers ({error}); export it again"
            ) from None
    if rows.shape != (element.count, len(element.properties)):
        raise SplatFileError(
            f"{path} declares {element.count} rows of {len(element.properties)} numbers in {element.name!r} and has "
            f"{rows.shape[0]} of {rows.shape[1]}; export or copy it again"
        )
    return _typed(path, rows, dtype)


def _check_memory(path: Path, element: Element) -> None:
    rows, columns = element.count, len(element.properties)
    Guard.of(path, SplatFileError).check(f"{rows:,} rows of {columns} numbers", rows * columns * NUMBER)


def _typed(path: Path, rows: np.ndarray, dtype: np.dtype) -> np.ndarray:
    """Return parsed numbers as rows of a type. Raises SplatFileError for a whole number beyond the type's range."""
    body = np.empty(len(rows), dtype)
    for i, name in enumerate(body.dtype.names or ()):
        kind, column = dtype[name], rows[:, i]
        if kind.kind in "iu":
            limits = np.iinfo(kind)
            if not ((column >= limits.min) & (column <= limits.max)).all():
                raise SplatFileError(f"{path} has a {name} that does not fit its type {kind.name}; export it again")
        with np.errstate(over="ignore"):  # a number beyond float32 becomes infinite, and its Gaussian is dropped
            body[name] = column
    return body
