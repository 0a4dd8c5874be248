"""Workers asked for: the options that commands with shared work have in common."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.engine.request import EngineRequest, in_bytes


@dataclass(frozen=True)
class WorkersRequest:
    """Workers on this machine, of a scheduler or of a queue."""

    workers: int | None = None
    """Processes that work on blocks at once. Default: this process alone."""
    memory: Annotated[float | None, tyro.conf.arg(metavar="GB")] = None
    """Memory of each worker in gigabytes."""
    scheduler: Annotated[str | None, tyro.conf.arg(metavar="ADDRESS")] = None
    """Address of a Dask scheduler (tcp://HOST:8786), whose workers do the work. They must see the same folders."""
    jobqueue: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """YAML file of a queue (SLURM, PBS, LSF), whose jobs do the work."""

    def _engine(self, is_alone: bool, cards: int = 0) -> EngineRequest | None:
        """Return the engine; None for this process alone.

        is_alone: the number of workers means this process, unless something else is asked. cards: of each item.
        """
        others = (self.memory, self.scheduler, self.jobqueue)
        if is_alone and cards == 0 and all(other is None for other in others):
            return None
        return EngineRequest(self.workers, self.scheduler, self.jobqueue, in_bytes(self.memory), cards=cards)
