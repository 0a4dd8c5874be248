"""Notices what happened to a run on disk since it was read: changed by somebody else, or gone.

What is compared is segments.json, by its bytes, and splats.ply, by size and time of change: everything that
exchanges segments writes the first, and the second takes long to read. Whoever writes them here says so (`wrote_table`,
`wrote_splat`).

Source: BLAKE2b (Aumasson et al. 2013), as Python has it.
"""

from __future__ import annotations

import hashlib
import time
from contextlib import suppress
from pathlib import Path

from splatseg.run.folder import Run

GONE = "the run is gone from {path}; move it back, and this is saved by itself"
CHANGED = (
    "somebody else changed the segments of {path} at {when}, which this would undo; open the run again and repeat what "
    "is missing"
)


class OnDisk:
    """The state in which the files of a run were read or written last.

    Attributes:
        busy: True while this process itself exchanges splats.ply, which then counts for nothing.
    """

    def __init__(self, run: Run) -> None:
        """Take the present state; before anything of the run is read."""
        self._run = run
        self.busy: bool = False
        self._table, self._splat = self._now()

    def wrote_table(self) -> None:
        """Take the present table as known."""
        self._table = self._now()[0]

    def wrote_splat(self) -> None:
        """Take the present splat as known."""
        self._splat = self._now()[1]

    @property
    def trouble(self) -> str:
        """A sentence if nothing may be written: the run is gone, or was changed by somebody else; else ""."""
        if self._run.gone:
            return GONE.format(path=self._run.path)
        table, splat = self._now()
        changed = [self._run.segments_path] if table != self._table else []
        changed += [self._run.splats_path] if splat != self._splat and not self.busy else []
        if not changed:
            return ""
        return CHANGED.format(path=self._run.path, when=_time_of(changed))

    def _now(self) -> tuple[str, tuple[int, ...]]:
        table, splat = "", tuple[int, ...]()
        with suppress(OSError):
            table = hashlib.blake2b(self._run.segments_path.read_bytes(), digest_size=16).hexdigest()
        with suppress(OSError):
            found = self._run.splats_path.stat()
            splat = (found.st_size, found.st_mtime_ns)
        return table, splat


def _time_of(paths: list[Path]) -> str:
    """Return the time of the last change of files; for one that was deleted, the time of noticing that."""
    times = [path.stat().st_mtime if path.exists() else time.time() for path in paths]
    return time.strftime("%H:%M", time.localtime(max(times)))
