"""The memory that one file may take, and the check that every reader makes before it allocates by a file's word.

    allowed(L) = min(budget, max(PLAIN, FOLD * L))        L: length of the file in bytes; budget: half of what is free

A small file may grow to `PLAIN`, a large one by `FOLD`; both only within the budget. SPLATSEG_MEMORY ("8G") replaces
all of this by one number, for files that are right and larger.
"""

from __future__ import annotations

import ctypes
import os
import re
from dataclasses import dataclass
from pathlib import Path

from splatseg.errors import SplatsegError

INFLATED = 1032
"""Most bytes that a byte of DEFLATE, the compression of PNG and ZIP, can become."""

VARIABLE = "SPLATSEG_MEMORY"
"""Name of the environment variable with the memory that a file may take."""

PLAIN = 10**9
"""Bytes that a file of any length may take: a label map of 60 megapixels of one id has 60 kB and needs them."""

FOLD = 1024
"""Bytes that each byte of a larger file may take: the most that DEFLATE can make of one (1032), which run lengths of
masks in pictures of 20 megapixels reach too; photographs stay below 100."""

UNKNOWN = 4 << 30
"""Budget where the system does not tell how much memory is free."""

SMALL = 1 << 26
"""Bytes that a file may take however little is free."""

_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20, "G": 1 << 30, "T": 1 << 40}


def memory_budget() -> int:
    """Return the bytes that reading one file may take. Raises SplatsegError if SPLATSEG_MEMORY is no size."""
    stated = stated_budget()
    if stated is not None:
        return stated
    free = _free()
    return UNKNOWN if free is None else free // 2


def machine_memory() -> int:
    """Return the bytes that a job may take: SPLATSEG_MEMORY, or what is free. Raises as `memory_budget`."""
    stated = stated_budget()
    return memory_budget() if stated is not None else 2 * memory_budget()


def stated_budget() -> int | None:
    """Return the bytes in SPLATSEG_MEMORY; None if it is not set or empty. Raises SplatsegError if it is no size."""
    word = os.environ.get(VARIABLE, "").strip()
    if not word:
        return None
    parts = re.fullmatch(r"([0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([KMGT]?)(?:I?B)?", word.upper())
    size = int(float(parts[1]) * _UNITS[parts[2]]) if parts else 0
    if not 1 << 20 <= size <= 1 << 60:
        raise SplatsegError(
            f"{VARIABLE} is {word[:40]!r}, which is no size of memory from 1M on; set it to one such as 8G, or unset it"
        )
    return size


@dataclass(frozen=True)
class Guard:
    """The limits of one file while it is read."""

    kind: type[Exception]
    """Error of the reader: a SplatsegError, or a ValueError to which a caller adds the file."""
    where: object
    """The file, for messages."""
    length: int
    """Bytes of the file."""

    @classmethod
    def of(cls, path: Path, kind: type[Exception]) -> Guard:
        """Return the guard of a file; one that is not there has no bytes, and its reader tells so."""
        try:
            return cls(kind, path, path.stat().st_size)
        except (OSError, ValueError):
            return cls(kind, path, 0)

    @property
    def allowed(self) -> int:
        """Bytes of memory that reading the file may take, by the rule of the module."""
        stated = stated_budget()
        return min(memory_budget(), max(PLAIN, FOLD * self.length)) if stated is None else stated

    def check(self, declares: str, takes: int, held: bool = False) -> None:
        """Raise an error of `kind` if the file may not take as much memory as what it declares needs.

        declares: in words, "13000x13000 pixels". takes: bytes at the peak of reading. held: the file is as long as it
        declares, so that it may take all that is free.
        """
        # Of the many small files of a capture none asks the system what is free.
        if takes <= SMALL and stated_budget() is None:
            return
        limit = machine_memory() if held else self.allowed
        if takes > limit:
            raise self.kind(
                f"{self.where} declares {declares}, which would take {in_words(takes)} of memory, and a file of "
                f"{self.length:,} bytes may take {in_words(limit)}; if it is not damaged, set "
                f"{VARIABLE}={_rounded_up(takes)}"
            )


def in_words(size: int) -> str:
    """Return a number of bytes in MiB or GiB."""
    return f"{size / (1 << 20):,.0f} MiB" if size < 1 << 30 else f"{size / (1 << 30):,.1f} GiB"


def _rounded_up(size: int) -> str:
    """Return the next whole number of G, as the variable is written."""
    return f"{-(-size // (1 << 30))}G"


def _free() -> int | None:
    """Return the free memory of this machine, or of the container if that has less; None if it is not known."""
    found = [size for size in (_of_linux(), _of_group(), _of_windows()) if size is not None]
    return min(found) if found else _of_system()


def _of_linux() -> int | None:
    """Return the memory that the kernel can give without swapping."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _of_group() -> int | None:
    """Return what the limit of a container leaves, without its page cache, which gives way."""
    folder = Path("/sys/fs/cgroup")
    try:
        limit, used = ((folder / name).read_text(encoding="ascii").strip() for name in ("memory.max", "memory.current"))
        cache = next(
            int(line.split()[1])
            for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines()
            if line.startswith("file ")
        )
        return None if limit == "max" else max(0, int(limit) - int(used) + cache)
    except (OSError, ValueError, IndexError, StopIteration):
        return None


def _of_windows() -> int | None:
    """Return the free physical memory that Windows states."""
    kernel = getattr(getattr(ctypes, "windll", None), "kernel32", None)
    if kernel is None:
        return None
    # MEMORYSTATUSEX: two 32-bit numbers, the first its own size, then 64-bit ones, of which the second is free memory.
    status = (ctypes.c_uint64 * 8)()
    ctypes.cast(status, ctypes.POINTER(ctypes.c_uint32))[0] = ctypes.sizeof(status)
    return int(status[2]) if kernel.GlobalMemoryStatusEx(ctypes.byref(status)) else None


def _of_system() -> int | None:
    """Return half of the physical memory, where only that is known (macOS)."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    except (AttributeError, OSError, ValueError):
        return None
