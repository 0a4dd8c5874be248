"""The rows of one element of a PLY file, as a structured array: mapped from the file, or parsed when it is text.

Nothing is allocated before the file is known to be long enough for what its header declares.
"""

from __future__ import annotations

import io
from itertools import islice
from pathlib import Path

import numpy as np

from splatseg.errors import SplatFileError
from splatseg.formats.ply.header import Element, Header


def read_element(path: Path, header: Header, name: str) -> np.ndarray:
    """Rows of an element (count,), structured by property name; read-only and mapped from the file when binary.

    Raises SplatFileError when there is no such element, it has lists, or the file is too short for it.
    """
    before: list[Element] = []
    for element in header.elements:
        if element.name == name:
            break
        before.append(element)
    else:
        found = ", ".join(e.name for e in header.elements) or "none"
        raise SplatFileError(f"{path} has no element {name!r} (found: {found}); it holds no splat")
    if element.lists:
        raise SplatFileError(
            f"{path} has properties of variable length in {name!r} ({', '.join(element.lists)}); a splat has none"
        )
    if header.encoding == "ascii":
        return _parse(path, header, element, before)
    return _map(path, header, element, before)


def _map(path: Path, header: Header, element: Element, before: list[Element]) -> np.ndarray:
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
    if element.count == 0 or dtype.itemsize == 0:
        return np.empty(element.count if dtype.itemsize else 0, dtype)
    return np.memmap(path, dtype=dtype, mode="r", offset=offset, shape=(element.count,))


def _parse(path: Path, header: Header, element: Element, before: list[Element]) -> np.ndarray:
    dtype = header.dtype(element)
    room = path.stat().st_size - header.offset + 1  # a value takes a character and a separator, the last one may not
    skipped = sum(other.count for other in before)
    if element.count * len(element.properties) * 2 + skipped > room:
        raise SplatFileError(
            f"{path} is cut off: its header declares {element.count} rows of {element.name!r} and the file is too "
            "short for them; export or copy it again"
        )
    if element.count == 0 or not element.properties:
        return np.empty(0, dtype)
    with path.open("rb") as file:
        file.seek(header.offset)
        lines = (line for line in io.TextIOWrapper(file, encoding="latin-1") if line.strip())
        try:
            rows = np.loadtxt(islice(lines, skipped, skipped + element.count), ndmin=2, comments=None)
        except ValueError as error:
            raise SplatFileError(f"{path} has rows of {element.name!r} that are not numbers ({error})") from None
    if rows.shape != (element.count, len(element.properties)):
        raise SplatFileError(
            f"{path} declares {element.count} rows of {len(element.properties)} numbers in {element.name!r} and has "
            f"{rows.shape[0]} of {rows.shape[1]}; export or copy it again"
        )
    return _typed(path, rows, dtype)


def _typed(path: Path, rows: np.ndarray, dtype: np.dtype) -> np.ndarray:
    body = np.empty(len(rows), dtype)
    for i, name in enumerate(body.dtype.names or ()):
        kind, column = dtype[name], rows[:, i]
        if kind.kind in "iu":
            limits = np.iinfo(kind)
            if not ((column >= limits.min) & (column <= limits.max)).all():
                raise SplatFileError(f"{path} has a {name} that does not fit its type {kind.name}")
        with np.errstate(over="ignore"):  # a number beyond float32 becomes infinite, and its Gaussian is dropped
            body[name] = column
    return body
