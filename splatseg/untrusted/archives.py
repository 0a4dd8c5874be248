"""ZIP archives and the arrays of .npz and .npy: declared sizes are compared with what the file can hold.

A member of a ZIP states its length; with DEFLATE it can be at most `INFLATED` times the bytes it has in the file. An
array states its shape, which must be that of the bytes of its member. Only what passes both is read.
"""

from __future__ import annotations

import math
import sys
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import numpy as np

from splatseg.errors import SplatsegError
from splatseg.untrusted.memory import INFLATED, Guard

MOST_MEMBERS = 1 << 12
"""Most members of an archive that is read; ours have up to ten."""

DAMAGE = (
    *(OSError, ValueError, LookupError, TypeError, SyntaxError, EOFError, ArithmeticError, AssertionError),
    *(RuntimeError, MemoryError, zipfile.BadZipFile, zlib.error, tokenize.TokenError),
)
"""Errors that reading a damaged archive can raise: RuntimeError for encryption, unknown versions and compression,
TokenError and SyntaxError for headers of arrays."""


def check_zip(path: Path, guard: Guard) -> dict[str, int]:
    """Return the length of every member of a ZIP by name, after checks of all of them; nothing is decompressed.

    Raises the guard's error if they would take too much memory, and ValueError for a damaged archive or one of another
    kind: encrypted, of unknown compression, with two members of one name, with lengths that it cannot hold.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except DAMAGE as error:
        raise ValueError(f"no whole ZIP archive ({str(error) or type(error).__name__})") from None
    if len(members) > MOST_MEMBERS:
        raise ValueError(f"{len(members)} members in an archive")
    sizes: dict[str, int] = {}
    for member in members:
        if member.flag_bits & 1:
            raise ValueError(f"{member.filename[:80]} is encrypted")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ValueError(f"{member.filename[:80]} is compressed by an unknown method ({member.compress_type})")
        fold = INFLATED if member.compress_type == zipfile.ZIP_DEFLATED else 1
        if member.compress_size > guard.length or member.file_size > fold * member.compress_size:
            raise ValueError(f"{member.filename[:80]} declares {member.file_size:,} bytes, more than the file can hold")
        if member.filename in sizes:
            raise ValueError(f"two members named {member.filename[:80]}")
        sizes[member.filename] = member.file_size
    total = sum(sizes.values())
    guard.check(f"{total:,} bytes in {len(sizes)} members", total)
    return sizes


def read_npz(path: Path, guard: Guard, names: tuple[str, ...] | None = None, fold: int = 2) -> dict[str, np.ndarray]:
    """Return arrays of a .npz by name: those of `names` that it has, or all. No objects are ever made.

    fold: bytes of memory that the reader takes for a byte of the arrays.

    Raises the guard's error if they would take too much memory, and ValueError for anything damaged.
    """
    sizes = check_zip(path, guard)
    try:
        with zipfile.ZipFile(path) as archive:
            wanted = [member for member in sizes if member.endswith(".npy") and (names is None or member[:-4] in names)]
            total = 0
            for member in wanted:
                with archive.open(member) as stream:
                    total += declared_size(stream, sizes[member], member)
            guard.check(f"{total:,} bytes of arrays", fold * total)
            arrays = {}
            for member in wanted:
                with archive.open(member) as stream:
                    arrays[member[:-4]] = _read_array(stream)
            return arrays
    except SplatsegError:
        raise
    except DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from error


def read_npy(path: Path, guard: Guard, fold: int = 2) -> np.ndarray:
    """Return the array of a .npy. No objects are ever made. Raises as `read_npz` does."""
    try:
        with path.open("rb") as stream:
            total = declared_size(stream, guard.length, "it")
            guard.check(f"{total:,} bytes of an array", fold * total)
            stream.seek(0)
            return _read_array(stream)
    except SplatsegError:
        raise
    except DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from error


def _read_array(stream: IO[bytes]) -> np.ndarray:
    """Return the array of a .npy without objects. Raises ValueError for texts of characters that do not exist."""
    array = np.lib.format.read_array(stream, allow_pickle=False)
    # NumPy makes broken texts of them, at which Python itself stumbles later (SystemError).
    if array.dtype.kind == "U" and array.size and array.dtype.itemsize:
        codes = np.frombuffer(array.astype(array.dtype.newbyteorder("=")).tobytes(), np.uint32)
        if codes.max() > sys.maxunicode:
            raise ValueError("a text in it has characters that do not exist")
    return array


def declared_size(stream: IO[bytes], length: int, name: str) -> int:
    """Return the bytes of the array whose .npy begins at `stream`. Raises ValueError if `length` cannot hold them."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read(stream)
    if any(size < 0 for size in shape):
        raise ValueError(f"{name} declares the shape {shape}")
    declared: int = math.prod(int(size) for size in shape) * dtype.itemsize
    # Empty arrays of huge sides, and items of no bytes, hold nothing and are none of ours.
    if any(size > max(length, 1) for size in shape) and declared == 0:
        raise ValueError(f"{name} declares the shape {shape}")
    if declared + stream.tell() > length:
        raise ValueError(f"{name} declares {declared} bytes and holds fewer")
    return declared


@contextmanager
def member_of(path: Path, name: str) -> Iterator[IO[bytes]]:
    """Open a member of a ZIP that `check_zip` has passed. Raises ValueError for anything damaged."""
    try:
        with zipfile.ZipFile(path) as archive, archive.open(name) as stream:
            yield stream
    except DAMAGE as error:
        raise ValueError(str(error) or type(error).__name__) from error
