"""Holds a run: one process at a time exchanges its splat and its segments.

    hold = take_hold(run.path, "splatseg view")        # until hold.release()
    with held(run.path, "splatseg segment"): ...       # a job

`open.lock` in the run folder says who holds it: process, machine, since when, and the address of a viewer. What counts
is the lock on that file (flock), which the system ends with the process, however it ends; a file that nobody locks
says nothing. Where locks do not work (Windows, some network file systems) everybody gets a hold, and what remains is
that the table of segments looks at the files before it writes (`run.on_disk`).

Jobs that only add files (evaluation, report, words, exports) hold nothing: those files carry digests of what they were
made of.
"""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from splatseg.errors import RunError
from splatseg.run.folder import LOCK
from splatseg.untrusted.documents import DocumentError, Field, parse_json

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

LONGEST = 4096
"""Most bytes of the file that are read."""


class HeldError(RunError):
    """A run is held by another process, or cannot be written at all."""


@dataclass(frozen=True)
class Holder:
    """Who holds a run, as the file tells."""

    doing: str = "another program"
    """The command."""
    process: int = 0
    """Number of the process; 0 if the file does not tell."""
    machine: str = ""
    """Name of its machine."""
    since: str = ""
    """Local time at which it took the hold."""
    address: str = ""
    """Address of its pages, for a viewer; "" for anything else."""

    def __str__(self) -> str:
        """One phrase."""
        facts = [f"process {self.process}" if self.process else ""]
        facts[0] += f" on {self.machine}" if self.machine not in ("", socket.gethostname()) else ""
        facts += [f"since {self.since}" if self.since else "", self.address]
        told = ", ".join(fact for fact in facts if fact)
        return f"{self.doing} ({told})" if told else self.doing


class Hold:
    """A hold on a run; `release` ends it, and so does the end of the process.

    Attributes:
        doing: The command, for others to read.
    """

    def __init__(self, path: Path, descriptor: int, doing: str) -> None:
        self.doing: str = doing
        self._path, self._descriptor = path, descriptor
        self._since = time.strftime("%H:%M, %d %b %Y")
        self.tell()

    def tell(self, address: str = "") -> None:
        """Write who holds the run into the file. address: that of the pages of a viewer."""
        if self._descriptor < 0:
            return
        facts = {"doing": self.doing, "process": os.getpid(), "machine": socket.gethostname(), "since": self._since}
        text = json.dumps(facts | ({"address": address} if address else {})).encode() + b"\n"
        with suppress(OSError):  # a full disk; the lock holds all the same
            os.truncate(self._descriptor, 0)
            os.pwrite(self._descriptor, text, 0)

    def release(self) -> None:
        """End the hold; a second time does nothing."""
        if self._descriptor < 0:
            return
        with suppress(OSError):
            if _is_at(self._descriptor, self._path):
                self._path.unlink()
        os.close(self._descriptor)
        self._descriptor = -1


def take_hold(folder: Path, doing: str, name: str = LOCK) -> Hold:
    """Hold the run in a folder. doing: the command, for others to read. name: the file that is locked.

    Raises HeldError if another process, or another part of this one, holds the run, or if the folder is not writable.
    """
    path = folder / name
    if fcntl is None:
        return Hold(path, -1, doing)
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        except OSError as error:
            raise HeldError(f"{folder} cannot be written ({error.strerror}); change its rights or copy it") from None
        try:
            _lock(descriptor)
        except BlockingIOError:
            holder = _read(descriptor)
            os.close(descriptor)
            own = holder.process == os.getpid() and holder.machine == socket.gethostname()
            told = f"{folder} is open in {'this very process, ' if own else ''}{holder}"
            raise HeldError(f"{told}; end that first") from None
        # Whoever held it may have removed the file between these two calls.
        if _is_at(descriptor, path):
            return Hold(path, descriptor, doing)
        os.close(descriptor)


@contextmanager
def held(folder: Path, doing: str) -> Iterator[None]:
    """Hold a run in the block. Raises HeldError as `take_hold`."""
    hold = take_hold(folder, doing)
    try:
        yield
    finally:
        hold.release()


def _lock(descriptor: int) -> None:
    """Lock a file. Raises BlockingIOError if somebody else has; nothing happens where locks do not work."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
            raise BlockingIOError from None


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.lstat())
    except FileNotFoundError:
        return False


def _read(descriptor: int) -> Holder:
    """Read who holds a run; an empty Holder for a file that is just being written, or was not written by us."""
    try:
        facts = parse_json(os.pread(descriptor, LONGEST, 0))
        address = facts.get("address")
        return Holder(
            _line(facts["doing"]),
            facts["process"].whole(0),
            _line(facts["machine"]),
            _line(facts["since"]),
            "" if address is None else _line(address),
        )
    except (OSError, DocumentError):
        return Holder()


def _line(field: Field) -> str:
    """Return a text of the file, which may come from anywhere, as something that fits into a sentence."""
    return "".join(each if each.isprintable() else "?" for each in field.text())[:200]
