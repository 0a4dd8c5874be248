"""Arrays that need not fit into memory: in a file, mapped into memory, whose pages are given back after use.

Small arrays are plain ones. Large ones lie in a file without a name in the folder of temporary files (TMPDIR), which is
gone with them. Whatever reads an array range by range reads a mapped one as well; `release` gives its pages back, so
that what is in memory at a time is the range in use, and the rest waits on disk or in what memory nobody needs.

Alphabet: N numbers or rows of numbers.
"""

from __future__ import annotations

import mmap
import os
import tempfile
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

IN_MEMORY = 1 << 26
"""Bytes up to which an array is a plain one."""

ROWS_A_BLOCK = 262_144
"""Rows that are in memory at a time: with 64 features, as many bytes as `IN_MEMORY`."""


def scratch(shape: int | tuple[int, ...], kind: DTypeLike) -> np.ndarray:
    """Return an array to be filled, mapped from a temporary file if it is large.

    Raises OSError if the disk has no room for it.
    """
    size = int(np.prod(shape, dtype=np.int64)) * np.dtype(kind).itemsize
    if size <= IN_MEMORY:
        return np.empty(shape, dtype=kind)
    with tempfile.TemporaryFile(prefix="splatseg-") as file:
        if hasattr(os, "posix_fallocate"):  # a write to a page without room on disk would end the program
            os.posix_fallocate(file.fileno(), 0, size)
        else:
            file.truncate(size)
        mapped: np.ndarray = np.memmap(file, dtype=kind, mode="r+", shape=shape)
    return mapped


def ranges(count: int, rows: int | None = None) -> Iterator[slice]:
    """Yield ranges of `rows` rows (None: `ROWS_A_BLOCK`), the last one shorter, that make up 0..count."""
    step = rows or ROWS_A_BLOCK
    for begin in range(0, count, step):
        yield slice(begin, min(begin + step, count))


def picked(values: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Return the rows `numbers` (n,) of values (N,...): `values[numbers]`, block by block, in scratch if large."""
    out = scratch((len(numbers), *values.shape[1:]), values.dtype)
    for rows in ranges(len(numbers)):
        out[rows] = values[numbers[rows]]
        release(values, out)
    return out


def release(*arrays: np.ndarray | None) -> None:
    """Give the pages of arrays that are mapped from files back; nothing is lost, and other arrays stay as they are."""
    for array in arrays:
        base: object = array
        while isinstance(base, np.ndarray):
            if isinstance(base, np.memmap) and isinstance(base.base, mmap.mmap):
                # Changes of a private copy ("c") are nowhere but in its pages.
                if base.mode != "c" and hasattr(mmap, "MADV_DONTNEED"):
                    base.base.madvise(mmap.MADV_DONTNEED)
                break
            base = base.base
