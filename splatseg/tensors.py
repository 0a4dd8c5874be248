"""Named arrays and facts about them in one safetensors file, always written and read by the same functions.

The files of a run state their format in the facts ("splatseg votes 1"). A file that is damaged, hostile or of another
format is a RunError that says what to do; `read_tensors` handles every error that such a file can cause.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

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

_KINDS = {"float64": "F64", "int64": "I64", "float32": "F32", "int32": "I32", "int16": "I16", "uint8": "U8"}
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
    known = {} if format is None else {"format": format, **(facts or {})}
    strings = all(isinstance(value, str) for value in known.values())
    header: dict[str, Any] = {"__metadata__": known if strings else {"facts": json.dumps(known)}} if known else {}
    # Wide items first, so that every array starts at a multiple of its item's size.
    ordered = sorted(tensors.items(), key=lambda item: -item[1].itemsize)
    offset = 0
    for name, array in ordered:
        end = offset + array.nbytes
        header[name] = {"dtype": _KINDS[array.dtype.name], "shape": list(array.shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(header, ensure_ascii=False, separators=(", ", ": ") if spaced else (",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with atomic_write(path) as file:
        file.write(len(text).to_bytes(8, "little"))
        file.write(text)
        # Array by array: the library first assembles the whole file in memory, and votes are too large for that.
        for _, array in ordered:
            file.write(np.asarray(array, order="C").reshape(-1).view(np.uint8).data)


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


def load_tensors(path: Path) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the arrays of a file and the facts about them. Raises one of DAMAGE, or RunError for too many of them."""
    guard = Guard.of(path, RunError)
    guard.check(f"{guard.length:,} bytes of arrays", guard.length)
    with safe_open(str(path), framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        metadata: dict[str, str] = file.metadata() or {}
    if not tensors:
        raise ValueError("it holds no arrays")
    if "facts" not in metadata:
        return tensors, dict(metadata)
    return tensors, {name: field.plain() for name, field in parse_json(metadata["facts"]).entries().items()}
