"""Named arrays and facts about them in one safetensors file, always written and read by the same functions.

The files of a run state their format in the facts ("splatseg votes 1"). A file that is damaged, hostile or of another
format is a RunError that says what to do; `read_tensors` handles every error that such a file can cause.

Arrays that are too large for memory are written piece by piece (`stream_tensors`), to the same bytes, and looked at
where they lie in the file (`map_tensors`).
"""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any, TypeVar

import numpy as np
from safetensors import SafetensorError, safe_open

from splatseg.errors import RunError
from splatseg.files import atomic_write
from splatseg.untrusted.documents import parse_json, reason_of
from splatseg.untrusted.memory import Guard

T = TypeVar("T")

DAMAGE = (
    *(SafetensorError, OSError, ValueError, TypeError, AttributeError, AssertionError),
    *(LookupError, ArithmeticError, MemoryError, RecursionError),
)
"""Errors that reading and decoding a file can raise: RecursionError for deeply nested JSON, OverflowError for 1e999 in
place of a whole number, MemoryError for sizes beyond any memory."""

_KINDS = {
    **{"float64": "F64", "int64": "I64", "float32": "F32", "int32": "I32"},
    **{"int16": "I16", "uint16": "U16", "uint8": "U8"},
}
"""Names of the types of arrays in safetensors."""


def write_tensors(
    path: Path,
    format: str | None,
    tensors: Mapping[str, np.ndarray],
    facts: Mapping[str, Any] | None = None,
    spaced: bool = False,
) -> None:
    """Write arrays of any shape, with JSON values as facts, atomically; the same input gives the same bytes.

    format: stated in the file; with None neither it nor the facts are written. spaced: put blanks into the header, as
    files of votes have always had.

    Arrays are written by the size of their items, the widest first; arrays with items of one size keep the order given.
    If all facts are strings, each is an entry of the metadata; otherwise all of them are one entry, as JSON.
    """
    text, ordered = _header(
        {name: (array.dtype, array.shape) for name, array in tensors.items()}, format, facts, spaced
    )
    with atomic_write(path) as file:
        file.write(text)
        # Array by array: the library first assembles the whole file in memory, and votes are too large for that.
        for name in ordered:
            file.write(_bytes_of(tensors[name]))


class Sink:
    """An array that is being written, piece by piece, into its place in a file."""

    def __init__(self, file: IO[bytes], offset: int, dtype: np.dtype[Any], shape: tuple[int, ...]) -> None:
        self._file, self._next, self._dtype = file, offset, dtype
        self._end = offset + dtype.itemsize * math.prod(shape)

    def write(self, values: np.ndarray) -> None:
        """Write the next values, whatever their shape. Raises ValueError if there is no room for them."""
        piece = _bytes_of(values.astype(self._dtype, copy=False))
        if self._next + len(piece) > self._end:
            raise ValueError("more values than the array has")
        self._file.seek(self._next)
        self._next += self._file.write(piece)

    @property
    def is_full(self) -> bool:
        """True if all values were written."""
        return self._next == self._end


@contextmanager
def stream_tensors(
    path: Path,
    format: str | None,
    shapes: Mapping[str, tuple[Any, tuple[int, ...]]],
    facts: Mapping[str, Any] | None = None,
    spaced: bool = False,
) -> Iterator[dict[str, Sink]]:
    """Yield a sink for each array, to be filled in any order; at the end the file appears, as of `write_tensors`.

    shapes: type and shape of each array. Raises ValueError at the end for an array that is not full.
    """
    kinds = {name: (np.dtype(kind), shape) for name, (kind, shape) in shapes.items()}
    text, ordered = _header(kinds, format, facts, spaced)
    with atomic_write(path) as file:
        file.write(text)
        sinks, offset = {}, len(text)
        for name in ordered:
            kind, shape = kinds[name]
            sinks[name] = Sink(file, offset, kind, shape)
            offset += kind.itemsize * math.prod(shape)
        # All the room at once: a disk that is too small says so before hours are spent, where the system can tell.
        _reserve(file, offset)
        yield sinks
        lacking = [name for name, sink in sinks.items() if not sink.is_full]
        if lacking:
            raise ValueError(f"{', '.join(lacking)} lack values")


def _reserve(file: IO[bytes], size: int) -> None:
    """Take the room of a file. Raises OSError if the disk has less."""
    file.flush()
    if size and hasattr(os, "posix_fallocate"):
        try:
            os.posix_fallocate(file.fileno(), 0, size)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
                raise


def _header(
    kinds: Mapping[str, tuple[np.dtype[Any], tuple[int, ...]]],
    format: str | None,
    facts: Mapping[str, Any] | None,
    spaced: bool,
) -> tuple[bytes, list[str]]:
    """Return the first bytes of a file with arrays of these types and shapes, and their names in the file's order."""
    known = {} if format is None else {"format": format, **(facts or {})}
    strings = all(isinstance(value, str) for value in known.values())
    header: dict[str, Any] = {"__metadata__": known if strings else {"facts": json.dumps(known)}} if known else {}
    # Wide items first, so that every array starts at a multiple of its item's size.
    ordered = sorted(kinds.items(), key=lambda item: -item[1][0].itemsize)
    offset = 0
    for name, (kind, shape) in ordered:
        end = offset + kind.itemsize * math.prod(shape)
        header[name] = {"dtype": _KINDS[kind.name], "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, ensure_ascii=False, separators=(", ", ": ") if spaced else (",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text, [name for name, _ in ordered]


def _bytes_of(array: np.ndarray) -> memoryview:
    return np.asarray(array, order="C").reshape(-1).view(np.uint8).data


def read_tensors(
    path: Path,
    format: str,
    again: str,
    decode: Callable[[dict[str, np.ndarray], dict[str, Any]], T],
    damaged: str = "cannot be read",
) -> T:
    """Read a file of `write_tensors` and return `decode(arrays, facts)`.

    again: the end of the error's message, what to do. damaged: the words in it for a damaged file.

    Raises RunError for a file of another format, and for a damaged one: any of `DAMAGE` from `decode` is damage too.
    """
    try:
        tensors, facts = load_tensors(path)
        if facts.get("format") == format:
            return decode(tensors, facts)
    except DAMAGE as error:
        raise RunError(f"{path} {damaged} ({reason_of(error)}); {again}") from error
    kind = " ".join(format.split()[1:-1])
    raise RunError(f"{path} holds no {kind} of this version of splatseg; {again}")


def map_tensors(
    path: Path, format: str, again: str, private: bool = True
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Return the arrays of a file of `write_tensors` where they lie in the file, and the facts about them.

    They take no memory of the process that the system could not take back. private: what is written into them stays in
    this process; otherwise they are read-only, and `machine.mapped.release` gives their pages back at once. The header
    is checked, and no value. Raises RunError as `read_tensors` does.
    """
    try:
        with safe_open(str(path), framework="numpy") as file:  # it checks that arrays fill the file and do not overlap
            facts = _facts_of(file.metadata() or {})
        if facts.get("format") == format:
            return _mapped(path, private), facts
    except DAMAGE as error:
        raise RunError(f"{path} cannot be read ({reason_of(error)}); {again}") from error
    raise RunError(f"{path} holds no {' '.join(format.split()[1:-1])} of this version of splatseg; {again}")


def rewrite_facts(path: Path, format: str, facts: Mapping[str, Any], spaced: bool = False) -> None:
    """State other facts in a file of `stream_tensors`, in place: what is not known before all arrays are written.

    Nobody may read the file meanwhile. Raises ValueError unless the facts take as many bytes as those in the file.
    """
    with path.open("r+b") as file:
        length = int.from_bytes(file.read(8), "little")
        kinds = {code: np.dtype(name) for name, code in _KINDS.items()}
        shapes = {
            name: (kinds[entry["dtype"].text()], tuple(side.whole(0) for side in entry["shape"].items()))
            for name, entry in parse_json(file.read(length)).entries().items()
            if name != "__metadata__"
        }
        text, _ = _header(shapes, format, facts, spaced)
        if len(text) != 8 + length:
            raise ValueError(f"the facts of {path} take {len(text) - 8} bytes, and there is room for {length}")
        file.seek(0)
        file.write(text)


def _mapped(path: Path, private: bool) -> dict[str, np.ndarray]:
    kinds = {code: np.dtype(name) for name, code in _KINDS.items()}
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")
        entries = parse_json(file.read(length)).entries()
    whole = np.memmap(path, np.uint8, "c" if private else "r")
    arrays = {}
    for name, entry in entries.items():
        if name == "__metadata__":
            continue
        shape = tuple(side.whole(0) for side in entry["shape"].items())
        begin, end = (8 + length + place.whole(0) for place in entry["data_offsets"].items())
        arrays[name] = whole[begin:end].view(np.ndarray).view(kinds[entry["dtype"].text()]).reshape(shape)
    return arrays


def load_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the arrays of a file and the facts about them. Raises one of DAMAGE, or RunError for too many of them."""
    guard = Guard.of(path, RunError)
    guard.check(f"{guard.length:,} bytes of arrays", guard.length)
    with safe_open(str(path), framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        facts = _facts_of(file.metadata() or {})
    if not tensors:
        raise ValueError("it holds no arrays")
    return tensors, facts


def _facts_of(metadata: Mapping[str, str]) -> dict[str, Any]:
    if "facts" not in metadata:
        return dict(metadata)
    return {name: field.plain() for name, field in parse_json(metadata["facts"]).entries().items()}
