"""Batches asked for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

import tyro

from splatseg.engine.request import EngineRequest
from splatseg.requests.workers import WorkersRequest


@dataclass(frozen=True)
class BatchRequest(WorkersRequest):
    """Choices of a batch: the workers it has, and what it does with scenes that an earlier one left."""

    workers: int | None = None
    """Scenes that are worked on at once, each by a process of its own with a share of the cores. Default: as many as
    this machine bears; 1 with --shard."""
    memory: Annotated[float | None, tyro.conf.arg(metavar="GB")] = None
    """Memory of each worker in gigabytes; one that takes more is ended, and its scene fails."""
    cards: int = 0
    """Cards (GPUs) that each scene needs; workers have cards of their own then. Give --device cuda behind --."""
    shard: Annotated[str | None, tyro.conf.arg(metavar="I/N|auto[/N]")] = None
    """Do every N-th scene only, beginning with the I-th: for N processes on one OUT. auto takes both from SLURM's job
    array; auto/N takes I from the index of AWS Batch or Kubernetes, from 0."""
    retry: bool = False
    """Do scenes again that failed."""
    fail_fast: bool = False
    """Stop all at the first failure."""
    overwrite: bool = False
    """Do scenes anew that are done, or were begun with other options."""

    @property
    def engine(self) -> EngineRequest | None:
        """The engine; None for this process alone."""
        return self._engine(self.workers == 1 or (self.workers is None and self.shard is not None), self.cards)
