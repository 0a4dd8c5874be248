"""One item, done once: its result or the sentence of what went wrong, its seconds, and the memory that it took.

Errors of users are their own sentence. Any other names its kind and the place of its traceback: the item's log, or the
line of code if there is none.
"""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path

from splatseg.engine.protocol import Done, Item, Result
from splatseg.errors import SplatsegError, is_of_writing, unwritten

RESET_PEAK = "5"
"""Word that makes Linux forget the highest resident memory of a process (proc(5), /proc/PID/clear_refs)."""


def attempt(
    work: Callable[[Item], Result], item: Item, index: int, worker: str, log: Path | None = None
) -> Done[Result]:
    """Do one item and return what became of it; KeyboardInterrupt goes through.

    log: file that the sentence of an unexpected error names; the traceback is added to it.
    """
    began = time.perf_counter()
    result: Result | None = None
    error: str | None = None
    try:
        result = work(item)
    except (Exception, SystemExit) as raised:
        error = sentence_of(raised, log)
    return Done(index, result, error, time.perf_counter() - began, peak_memory(), worker)


def sentence_of(error: BaseException, log: Path | None) -> str:
    """Return an error in a sentence; the traceback of one that no user can cause is added to the log."""
    if isinstance(error, SplatsegError):
        return str(error)
    if isinstance(error, OSError) and is_of_writing(error):
        return unwritten(Path(error.filename or "a file"), error)
    if isinstance(error, SystemExit):
        return f"the work ended its process with code {error.code!r}"
    said = " ".join(str(error).split())
    kind = f"{type(error).__name__}: {said}" if said else type(error).__name__
    if log is not None and _add_traceback(error, log):
        return f"{kind} (its traceback is in {log})"
    frames = traceback.extract_tb(error.__traceback__)
    return f"{kind} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})" if frames else kind


def _add_traceback(error: BaseException, log: Path) -> bool:
    """Add a traceback to a log; return False if that cannot be written."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("a", encoding="utf-8", errors="backslashreplace") as file:
            traceback.print_exception(error, file=file)
    except OSError:
        return False
    return True


def forget_peak() -> None:
    """Let `peak_memory` begin anew, where the system can."""
    try:
        Path("/proc/self/clear_refs").write_text(RESET_PEAK, encoding="ascii")
    except OSError:
        return


def peak_memory() -> int:
    """Return the highest resident memory of this process in bytes, since `forget_peak` where the system can tell.

    Where no system tells (Windows) it is 0.
    """
    try:
        lines = Path("/proc/self/status").read_text(encoding="ascii", errors="replace").splitlines()
        return next(int(line.split()[1]) << 10 for line in lines if line.startswith("VmHWM:"))
    except (OSError, ValueError, IndexError, StopIteration):
        if sys.platform == "win32":
            return 0
        import resource  # noqa: PLC0415 (Windows has none)

        highest = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return highest if sys.platform == "darwin" else highest << 10
