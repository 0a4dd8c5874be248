"""Rows of one element of a PLY file, as a structured array: mapped from the file, or parsed if the file is text.

Memory is allocated only if the file is long enough for the rows that its header declares.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np

from splatseg.errors import SplatFileError
from splatseg.formats.ply.header import Element, Header
from splatseg.untrusted.memory import Guard

NUMBER = 12
"""Bytes that a number of text takes: as it is parsed (8), and once more while it is converted and tested (4)."""

MAPPED_NUMBER = 5
"""Bytes that a number of a binary file takes, which is mapped: as it is kept (4), and some while columns are converted
one by one [5 million Gaussians of 79 numbers: 4.4]."""


@dataclass(frozen=True, eq=False)
class Body:
    """Rows of one element: in a file, from which any range is mapped, or parsed from text."""

    path: Path
    """The file."""
    dtype: np.dtype
    """Type of a row, structured by property name."""
    count: int
    """Number of rows."""
    offset: int
    """Byte at which the first row begins, in a binary file."""
    parsed: np.ndarray | None = None
    """All rows (count,) of a text file."""

    def rows(self, begin: int, end: int) -> np.ndarray:
        """Return rows (end - begin,), read-only; they are mapped, and stay in memory as long as the result does.

        Raises SplatFileError if the file has become too short.
        """
        if self.parsed is not None:
            return self.parsed[begin:end]
        count = end - begin if self.dtype.itemsize else 0
        if count <= 0:
            return np.empty(0, self.dtype)
        start = self.offset + begin * self.dtype.itemsize
        if start + count * self.dtype.itemsize > _size(self.path):
            raise SplatFileError(f"{self.path} has become shorter while it was read; copy it again")
        return np.memmap(self.path, dtype=self.dtype, mode="r", offset=start, shape=(count,))

    @property
    def is_mapped(self) -> bool:
        """True of rows that lie in a binary file, which is as long as they are."""
        return self.parsed is None and self.offset > 0

    def check_memory(self, rows: int | None = None) -> None:
        """Raise SplatFileError if so many rows, all of them by default, take more memory than the file may."""
        rows, columns = self.count if rows is None else rows, len(self.dtype.names or ())
        takes = rows * columns * (MAPPED_NUMBER if self.is_mapped else NUMBER)
        Guard.of(self.path, SplatFileError).check(f"{rows:,} rows of {columns} numbers", takes, self.is_mapped)


def read_element(path: Path, header: Header, name: str) -> np.ndarray:
    """Return the rows of an element (count,), structured by property name; read-only and mapped if the file is binary.

    Raises SplatFileError as `find_body`, and if they would take too much memory.
    """
    body = find_body(path, header, name)
    body.check_memory()
    return body.rows(0, body.count)


def find_body(path: Path, header: Header, name: str) -> Body:
    """Return the body of an element, of which nothing is read yet if the file is binary.

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
        parsed = _parse(path, header, element, before)
        return Body(path, parsed.dtype, len(parsed), 0, parsed)
    return _find(path, header, element, before)


def _find(path: Path, header: Header, element: Element, before: list[Element]) -> Body:
    """Find the rows of a binary element, after the elements before it."""
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
    return Body(path, dtype, element.count if dtype.itemsize else 0, offset)


def _size(path: Path) -> int:
    """Return the bytes of a file. Raises SplatFileError if it is gone."""
    try:
        return path.stat().st_size
    except OSError as error:
        raise SplatFileError(f"{path} cannot be read any more ({error.strerror}); check the path") from None


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
    Body(path, dtype, element.count, 0).check_memory()
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
