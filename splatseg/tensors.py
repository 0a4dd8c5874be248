"""Named arrays with facts about them in one file: safetensors, written one way and read through one door.

A file that a run keeps says in its facts of which format it is ("splatseg votes 1"). A file that is damaged, hostile or
of another format is a RunError that says what to do; `read_tensors` knows all that such a file can raise.
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

T = TypeVar("T")

DAMAGE = (
    *(SafetensorError, OSError, ValueError, TypeError, AttributeError, AssertionError),
    *(LookupError, ArithmeticError, MemoryError, RecursionError),
)
"""What reading a file and making sense of it can raise: RecursionError for JSON nested deep, OverflowError for 1e999
where a whole number should be, MemoryError for sizes that nothing has."""

_KINDS = {"float64": "F64", "int64": "I64", "float32": "F32", "int32": "I32", "uint8": "U8"}
"""How safetensors calls the types of arrays."""


def write_tensors(
    path: Path,
    format: str | None,
    tensors: Mapping[str, np.ndarray],
    facts: Mapping[str, Any] | None = None,
    spaced: bool = False,
) -> None:
    """Write arrays of any shape, with JSON values as facts, atomically; the same ones give the same bytes.

    format: None for a file that says none. spaced: blanks in the header, which votes have always had.

    Types of wide items come first, those of one width in the order given. Facts that are strings are entries of the
    metadata; if any is of another kind, all of them are one entry, as JSON.
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
        # Array by array: the library puts the whole file together in memory first, which votes are too large for.
        for _, array in ordered:
            file.write(np.asarray(array, order="C").reshape(-1).view(np.uint8).data)


def read_tensors(
    path: Path,
    format: str,
    again: str,
    decode: Callable[[dict[str, np.ndarray], dict[str, Any]], T],
    damaged: str = "cannot be read",
) -> T:
    """Read what `write_tensors` wrote, as `decode` makes it of the arrays and the facts.

    Raises RunError for a file of another format, and for one that is damaged: whatever `decode` cannot make sense of is
    damage too. again: what to do then. damaged: how it is said.
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
    """Read the arrays of a file and the facts about them. Raises one of DAMAGE."""
    with safe_open(str(path), framework="numpy") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
        metadata: dict[str, str] = file.metadata() or {}
    if not tensors:
        raise ValueError("it holds no arrays")
    facts = json.loads(metadata["facts"]) if "facts" in metadata else metadata
    if not isinstance(facts, dict):
        raise ValueError("its facts have no names")
    return tensors, facts


def reason_of(error: BaseException) -> str:
    """What an error says, on one line; its kind if it says nothing."""
    return " ".join(str(error).split()) or type(error).__name__
