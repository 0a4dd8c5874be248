"""Engines asked for: processes on this machine, workers of a scheduler that runs, or jobs of a queue."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

GIGABYTE = 10**9


def in_bytes(gigabytes: float | None) -> int | None:
    """Return the memory of a worker in bytes, of the gigabytes that a person asks for; None stays None."""
    return None if gigabytes is None else int(gigabytes * GIGABYTE)


@dataclass(frozen=True)
class EngineRequest:
    """Choices of an engine; without scheduler and jobqueue its workers are processes on this machine."""

    workers: int | None = None
    """Workers; None for what the memory and the cores of this machine bear, or what the queue's file says."""
    scheduler: str | None = None
    """Address of a Dask scheduler that runs, such as tcp://HOST:8786."""
    jobqueue: Path | None = None
    """YAML file of a queue (SLURM, PBS, LSF) whose jobs are the workers; see `jobqueue`."""
    memory: int | None = None
    """Bytes of memory that a worker may take; None for an equal share of this machine's."""
    threads: int | None = None
    """Threads of a worker; None for an equal share of this machine's cores, or what the worker was started with."""
    cards: int = 0
    """Cards (GPUs) that each item needs: it goes only to workers that have as many."""
