"""Work in blocks asked for, and the engine that does it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro

from splatseg.errors import RunError

if TYPE_CHECKING:
    from splatseg.engine.request import EngineRequest

AUTO = "auto"
"""Word for as many blocks as the memory asks for."""


@dataclass(frozen=True)
class BlocksRequest:
    """Blocks that one large work is cut into, and who works on them; alone, this process does one after the other."""

    blocks: Annotated[str | None, tyro.conf.arg(metavar="auto|N")] = None
    """Work in N blocks, for what is too large for one piece; auto: as many as the memory asks for, one if it fits."""
    workers: int | None = None
    """Blocks that are worked on at once, each by a process of its own with a share of cores and memory. Default: 1,
    this process."""
    scheduler: Annotated[str | None, tyro.conf.arg(metavar="ADDRESS")] = None
    """Address of a Dask scheduler (tcp://HOST:8786), whose workers do the blocks. They must see the same folders."""
    jobqueue: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """YAML file of a queue (SLURM, PBS, LSF), whose jobs do the blocks."""

    def count(self) -> int | None:
        """Return the number of blocks, 0 for auto, None for one piece.

        Raises RunError for what is no number of blocks, and for workers without blocks.
        """
        if self.blocks is None:
            if self.engine() is not None:
                raise RunError("workers, a scheduler and a queue are for work in blocks; add --blocks auto or a number")
            return None
        if self.blocks == AUTO:
            return 0
        if not self.blocks.isdecimal() or not 1 <= int(self.blocks) <= MOST:
            raise RunError(f"--blocks takes auto or a whole number from 1 to {MOST}, got '{self.blocks}'")
        return int(self.blocks)

    def engine(self) -> EngineRequest | None:
        """Return the engine that is asked for; None for this process alone."""
        from splatseg.engine.request import EngineRequest  # noqa: PLC0415 (a help text does not open one)

        if self.workers is None and self.scheduler is None and self.jobqueue is None:
            return None
        return EngineRequest(self.workers, self.scheduler, self.jobqueue)


MOST = 9_999
"""Most blocks of one work."""
