"""Work in blocks asked for: how many, and the engine that does it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import tyro

from splatseg.engine.request import EngineRequest, in_bytes
from splatseg.errors import RunError

AUTO = "auto"
"""As many blocks as the memory asks for."""


@dataclass(frozen=True)
class BlocksRequest:
    """Blocks in which what is too large for one piece is fitted and segmented, and the workers that share them."""

    blocks: Annotated[str | None, tyro.conf.arg(metavar="N|auto")] = None
    """Fit and segment the splat in N blocks, or in as many as the memory asks for (auto). Segments of a splat are the
    same; a fit in blocks is another one. Default: as the run was made, or in one piece."""
    workers: int | None = None
    """Processes that work on blocks at once. Default: this process alone."""
    memory: Annotated[float | None, tyro.conf.arg(metavar="GB")] = None
    """Memory of each worker in gigabytes."""
    scheduler: Annotated[str | None, tyro.conf.arg(metavar="ADDRESS")] = None
    """Address of a Dask scheduler (tcp://HOST:8786), whose workers do the work. They must see the same folders."""
    jobqueue: Annotated[Path | None, tyro.conf.arg(metavar="FILE")] = None
    """YAML file of a queue (SLURM, PBS, LSF), whose jobs do the work."""

    @classmethod
    def of(cls, asked: Blocks) -> BlocksRequest:
        """Return a request of a number of blocks or "auto", worked on by this process; a request as it is."""
        return asked if isinstance(asked, BlocksRequest) else cls(None if asked is None else str(asked))

    @property
    def number(self) -> int | None:
        """The number of blocks; None where it is auto or as the run was made. Raises RunError if it is no number."""
        if self.blocks is None or self.is_auto:
            return None
        if not self.blocks.isdecimal() or not 1 <= int(self.blocks) < 10**9:
            raise RunError(f"the blocks are '{self.blocks}'; give a number from 1, or auto")
        return int(self.blocks)

    @property
    def is_auto(self) -> bool:
        """True if the number of blocks is to be chosen."""
        return self.blocks == AUTO

    @property
    def engine(self) -> EngineRequest | None:
        """The engine; None for this process alone."""
        if self.workers is None and self.memory is None and self.scheduler is None and self.jobqueue is None:
            return None
        return EngineRequest(self.workers, self.scheduler, self.jobqueue, in_bytes(self.memory))


Blocks = BlocksRequest | str | int | None
"""Blocks as a user of Python asks for them: a number, "auto", or a request that names workers too; None for none."""
