"""One damaged file given to a reader: the outcome, seconds of processor time and the peak of memory."""

from __future__ import annotations

import contextlib
import resource
import time
import traceback
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from splatseg.errors import SplatsegError

MOST_MEMORY = 10**9
"""Bytes over what the process had before."""

MOST_SECONDS = 5.0
"""Seconds of processor time, with those of processes that a reader starts."""


@dataclass(frozen=True)
class Outcome:
    """What a reader made of a file."""

    kind: str
    """read, refused, traceback."""
    place: str
    """Type and place of a traceback."""
    told: str
    """The message."""
    seconds: float
    memory: int

    @property
    def faults(self) -> list[str]:
        """Kinds of faults, a column of the table each."""
        found = ["tracebacks"] if self.kind == "traceback" else []
        found += ["over 1 GB"] if self.memory > MOST_MEMORY else []
        return found + (["over 5 s"] if self.seconds > MOST_SECONDS else [])


def attempt(read: Callable[[], object]) -> Outcome:
    """Call a reader once."""
    _forget_peak()
    base, before = _memory("VmRSS"), _child_peak()
    began = _seconds()
    kind, place, told = "read", "", ""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            read()
        except SplatsegError as error:
            kind, told = "refused", str(error)
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            kind, told, place = "traceback", str(error), _place_of(error)
    memory = _memory("VmHWM") - base
    child = _child_peak()
    return Outcome(kind, place, told, _seconds() - began, max(memory, child if child > before else 0))


def _seconds() -> float:
    child = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + child.ru_utime + child.ru_stime


def _child_peak() -> int:
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10


def _forget_peak() -> None:
    """Let the peak of memory begin anew; only Linux can."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _memory(name: str) -> int:
    try:
        text = Path("/proc/self/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in text.splitlines() if line.startswith(name + ":")), 0)


def _place_of(error: BaseException) -> str:
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "/splatseg/" in frame.filename]
    where = f"{frames[-1].filename.rpartition('/splatseg/')[2]}:{frames[-1].lineno}" if frames else "outside"
    return f"{type(error).__name__} {where}"
