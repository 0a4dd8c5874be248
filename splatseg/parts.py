"""Parts: files and folders on their way to their place, under a name that says whose they are, locked while they grow.

    .NAME.HOST-PID-COUNT.part   next to NAME; HOST is a checksum of this machine's name

A writer that is killed leaves its part behind. The next one that writes into the folder removes it: a part of this
machine on which nobody holds a lock has no writer, whatever process has its number now. The lock (flock) ends with the
process that holds it, and programs to which the writer hands it hold it too. Parts of other machines stay, because not
every network file system passes locks on. Systems without flock (Windows) remove nothing.
"""

from __future__ import annotations

import errno
import hashlib
import itertools
import os
import re
import shutil
import socket
import stat
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

NAME = re.compile(r"\..+\.(?:(?P<host>[0-9a-f]{8})-)?(?P<process>\d+)(?:-\d+)?\.part")
"""Names of parts. Earlier versions named no machine and held no lock: there the number of the process decides too."""

LONGEST_NAME = 255
"""Bytes of a file's name on nearly all file systems."""

SWEEP_SHARE = 0.01
"""Share of the time that may go into looking for dead parts: a folder of 100,000 files is not listed for each one."""

_COUNT = itertools.count()
_HOST = f"{zlib.crc32(socket.gethostname().encode()):08x}"
_next_sweep: dict[str, float] = {}


@contextmanager
def part_file(path: Path) -> Iterator[tuple[Path, int | None]]:
    """Yield a new, empty file next to `path` and the descriptor that holds its lock (None without flock).

    The parent folder is made if it is missing. The file is removed at the end, unless the block renamed it.

    Raises OSError if the file cannot be made.
    """
    with _part(path, lambda part: part.touch(exist_ok=False)) as made:
        yield made


@contextmanager
def part_folder(path: Path, mode: int = 0o777) -> Iterator[Path]:
    """Yield a new, empty folder next to `path`; otherwise as `part_file`. mode: permissions, less the umask."""
    with _part(path, lambda part: part.mkdir(mode)) as (part, _):
        yield part


@contextmanager
def working_folder() -> Iterator[Path]:
    """Yield an empty folder for files that other programs read and write, in the system's place for temporary files.

    Unlike a folder of `tempfile`, one that a killed process left behind is removed by the next process.
    """
    with part_folder(Path(tempfile.gettempdir()) / "splatseg", 0o700) as folder:
        yield folder


@contextmanager
def _part(path: Path, make: Callable[[Path], None]) -> Iterator[tuple[Path, int | None]]:
    make_folder(path.parent)
    sweep(path.parent)
    part, lock = _begin(path, make)
    try:
        yield part, lock
    finally:
        _delete(part)
        _release(lock)


def make_folder(path: Path) -> None:
    """Make a folder and those above it. Raises OSError that names the file or the broken link in the way."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError):
        for place in (path, *path.parents):
            if place.is_symlink() and not place.exists():
                said = f"{place} is a link to {place.readlink()}, which is not there"
                raise FileNotFoundError(errno.ENOENT, said, str(path)) from None
            if place.exists() and not place.is_dir():
                raise NotADirectoryError(errno.ENOTDIR, f"{place} is not a folder", str(path)) from None
        raise


def is_empty(folder: Path) -> bool:
    """Tell whether a folder holds nothing but parts of dead writers, which are removed. Raises OSError."""
    _sweep(folder)
    return not any(folder.iterdir())


def sweep(folder: Path) -> None:
    """Remove the parts that dead writers left in a folder, unless that was done a moment ago."""
    key, began = str(folder.absolute()), time.monotonic()
    if began < _next_sweep.get(key, 0.0):
        return
    _sweep(folder)
    now = time.monotonic()
    _next_sweep[key] = now + (now - began) / SWEEP_SHARE


def _sweep(folder: Path) -> None:
    if fcntl is None:
        return
    with suppress(OSError), os.scandir(folder) as entries:
        found = [entry.name for entry in entries if entry.name.endswith(".part")]
        for name in found:
            matched = NAME.fullmatch(name)
            if matched and (_is_gone(int(matched["process"])) if matched["host"] is None else matched["host"] == _HOST):
                _remove(folder / name)


def _remove(part: Path) -> None:
    """Remove a part unless somebody holds its lock, or locks do not work there."""
    lock = None
    with suppress(OSError):
        if stat.S_IFMT(part.lstat().st_mode) not in (stat.S_IFREG, stat.S_IFDIR):
            return
        lock = _open(part)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if _is_at(lock, part):
            _delete(part)
    _release(lock)


def _delete(part: Path) -> None:
    if part.is_dir():
        shutil.rmtree(part, ignore_errors=True)
    else:
        part.unlink(missing_ok=True)


def _begin(path: Path, make: Callable[[Path], None]) -> tuple[Path, int | None]:
    while True:
        part = path.with_name(f".{_fitting(path.name)}.{_HOST}-{os.getpid()}-{next(_COUNT)}.part")
        try:
            make(part)
        except FileExistsError:
            continue
        if fcntl is None:
            return part, None
        lock = None
        with suppress(FileNotFoundError):
            lock = _open(part)
            # Whoever sweeps may have taken the lock between these two calls, and removes the part then.
            with suppress(OSError):
                fcntl.flock(lock, fcntl.LOCK_EX)
            if _is_at(lock, part):
                return part, lock
        _release(lock)


def _open(part: Path) -> int:
    kind = os.O_RDONLY if part.is_dir() else os.O_RDWR  # network file systems lock only what is open for writing
    return os.open(part, kind | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _is_at(descriptor: int, part: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), part.lstat())
    except FileNotFoundError:
        return False


def _release(lock: int | None) -> None:
    if lock is not None:
        os.close(lock)


def _is_gone(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return True
    except OSError:
        return False
    return process == 0


def _fitting(name: str) -> str:
    """Return the name of a file, or its beginning and a checksum if the name of its part would become too long."""
    most = LONGEST_NAME - len(f"..{_HOST}-{2**32}-{2**32}.part")
    if len(os.fsencode(name)) <= most:
        return name
    check = hashlib.blake2b(os.fsencode(name), digest_size=8).hexdigest()
    return f"{name[: most // 4 - len(check)]}~{check}"
