"""Overview of a batch: each scene with its state, the counts of states, and the time left.

Time left: the scenes that are not done take as long as those that are, shared by the workers.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from splatseg.jobs.batching.records import Record
from splatseg.jobs.batching.task import Files
from splatseg.progress import Stage, read_stage

ORDER = ("failed", "running", "stopped", "done", "waiting")
"""States in the order in which they are shown: what a person has to look at comes first."""


@dataclass(frozen=True)
class Shown:
    """A scene as it is shown."""

    record: Record
    """Its state."""
    picture: Path
    """Its picture, which may not be there."""
    log: Path
    """Its log, which may not be there."""
    now: Stage | None = None
    """The stage that it is in, if it is running and has told."""


@dataclass(frozen=True)
class Overview:
    """A batch at one moment."""

    out: Path
    """The folder OUT."""
    do: str
    """The command."""
    scenes: tuple[Shown, ...]
    """All scenes, those first that a person has to look at (ORDER)."""
    at: float
    """Time at which it was so, in seconds since 1970."""
    workers: int = 0
    """Scenes that are worked on at once; 0 when the batch has ended."""
    dashboard: str | None = None
    """Address of the engine's own page."""

    @property
    def counts(self) -> Mapping[str, int]:
        """Numbers of scenes by state."""
        return Counter(scene.record.state for scene in self.scenes)

    @property
    def left(self) -> float | None:
        """Seconds left; None before a scene is done, and when the batch has ended."""
        took = [scene.record.seconds for scene in self.scenes if scene.record.state == "done"]
        open_ = self.counts["waiting"] + 0.5 * self.counts["running"]
        return sum(took) / len(took) * open_ / self.workers if took and self.workers else None


def overview_of(
    files: Files, do: str, records: Sequence[Record], workers: int = 0, dashboard: str | None = None
) -> Overview:
    """Return how the scenes of some records are now."""
    ordered = sorted(records, key=lambda record: ORDER.index(record.state))
    return Overview(files.out, do, tuple(_shown(files, each) for each in ordered), time.time(), workers, dashboard)


def _shown(files: Files, record: Record) -> Shown:
    # Of ten thousand scenes on a disk far away, only those that run are looked for: this is done every second.
    now = read_stage(files.now(record.scene)) if record.state == "running" else None
    return Shown(record, files.picture(record.scene), files.log(record.scene), now)
