"""Workers on this machine: one process each, with an equal share of its cores, its free memory and its cards.

Dask's nannies start them, end those that take more memory than their share, and start them anew when they are lost.
Connections are encrypted with a key of this run, lest other users of the machine send work. Without a number, there are
as many as there are cores, but none has less than `LEAST_MEMORY`.
"""

from __future__ import annotations

import copy
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

from splatseg.engine.request import EngineRequest
from splatseg.engine.requirements import require
from splatseg.errors import EngineError
from splatseg.untrusted.memory import in_words

if TYPE_CHECKING:
    from distributed import SpecCluster

LEAST_MEMORY = 4 << 30
"""Bytes that a worker has at least if nobody says how many workers there are: a capture of a hundred views of two
megapixels takes half of it."""

TRIES = 3
"""Workers that may be lost with an item before it is given up."""

SETTINGS: dict[str, Any] = {
    "distributed.scheduler.allowed-failures": TRIES - 1,
    # Results are small and go at once: nothing is to be spilled, and a worker that paused would never go on.
    "distributed.worker.memory.target": False,
    "distributed.worker.memory.spill": False,
    "distributed.worker.memory.pause": False,
    "distributed.worker.memory.terminate": 1.0,
    # A sampling profiler costs time, and what Dask sets for malloc makes every large tensor a call of the system.
    "distributed.worker.profile.enabled": False,
    "distributed.nanny.pre-spawn-environ": {},
}
"""Dask's settings of these workers."""


def share_of_machine(request: EngineRequest, cores: int, memory: int, free: int, cards: int) -> tuple[int, int, int]:
    """Return the number of workers, the threads and the bytes of memory of each.

    cores, memory (bytes, of which so many are free now), cards: those of this machine. Raises EngineError if it does
    not bear what is asked for.
    """
    if request.cards > cards:
        raise EngineError(f"each item needs {request.cards} cards, and this machine has {cards}; use --device cpu")
    most = cards // request.cards if request.cards else cores // min(request.threads or 1, cores)
    workers = request.workers or max(1, min(most, free // (request.memory or LEAST_MEMORY)))
    if request.cards and workers > most:
        raise EngineError(f"{workers} workers need {workers * request.cards} cards, and this machine has {cards}")
    each = request.memory or free // workers
    if workers * each > memory:
        raise EngineError(
            f"{workers} workers with {in_words(each)} of memory each are more than this machine has "
            f"({in_words(memory)}); ask for fewer workers or less memory"
        )
    return workers, request.threads or max(1, cores // workers), each


@contextmanager
def start_here(request: EngineRequest) -> Iterator[SpecCluster]:
    """Start the workers of a request as processes of this machine; the end of the block ends them.

    The scheduler is in this process, and their files are in a temporary folder. Raises EngineError if the extra is
    missing, the machine has not enough, or they do not start.
    """
    require("distributed", "cryptography")
    import dask  # noqa: PLC0415 (an extra)
    import psutil  # noqa: PLC0415
    from dask.system import CPU_COUNT  # noqa: PLC0415
    from distributed import Nanny, Scheduler, SpecCluster  # noqa: PLC0415
    from distributed.security import Security  # noqa: PLC0415
    from distributed.system import MEMORY_LIMIT  # noqa: PLC0415

    cards = _cards() if request.cards else []
    free = min(MEMORY_LIMIT, psutil.virtual_memory().available)
    workers, threads, memory = share_of_machine(request, CPU_COUNT, MEMORY_LIMIT, free, len(cards))
    shared: dict[str, Any] = {"host": "127.0.0.1", "protocol": "tls://", "security": Security.temporary()}
    with ExitStack() as stack:
        folder = stack.enter_context(
            tempfile.TemporaryDirectory(prefix="splatseg-workers-", ignore_cleanup_errors=True)
        )
        stack.enter_context(dask.config.set(SETTINGS | {"temporary-directory": folder}))
        options = shared | {
            "nthreads": 1,
            "memory_limit": memory,
            "local_directory": folder,
            "preload": ["splatseg.engine.quiet"],
            "config": copy.deepcopy(dask.config.config),
            "silence_logs": logging.CRITICAL,
            "dashboard": False,
        }
        specification = {
            f"worker {number + 1}": {
                "cls": Nanny,
                "options": options | _own(threads, cards[number * request.cards : (number + 1) * request.cards]),
            }
            for number in range(workers)
        }
        scheduler = {"cls": Scheduler, "options": shared | {"port": 0, "dashboard_address": "127.0.0.1:8787"}}
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # that the page's port is taken: it gets another
                cluster = SpecCluster(
                    workers=specification,
                    scheduler=scheduler,
                    security=shared["security"],
                    silence_logs=logging.CRITICAL,
                )
        except (OSError, RuntimeError) as error:
            raise EngineError(f"the workers of this machine do not start ({error}); ask for fewer") from error
        with cluster:
            yield cluster


def _own(threads: int, cards: list[str]) -> dict[str, Any]:
    """Return the options of one worker."""
    environment = {"OMP_NUM_THREADS": str(threads)}
    if cards:
        environment["CUDA_VISIBLE_DEVICES"] = ",".join(cards)
    return {"env": environment, "resources": {"GPU": len(cards)} if cards else None}


def _cards() -> list[str]:
    """Return the names of the cards of this machine, as CUDA_VISIBLE_DEVICES has them."""
    import torch  # noqa: PLC0415 (only of those who ask for a card)

    count = torch.cuda.device_count()
    named = [name.strip() for name in os.environ.get("CUDA_VISIBLE_DEVICES", "").split(",") if name.strip()]
    return named[:count] if named else [str(number) for number in range(count)]
