"""Opens the engine that is asked for: workers of this machine, of a scheduler, or of a queue."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from contextlib import ExitStack

from splatseg.engine.protocol import Engine
from splatseg.engine.request import EngineRequest
from splatseg.errors import EngineError


def _ignore(text: str) -> None:
    del text


def open_engine(request: EngineRequest, warn: Callable[[str], None] = _ignore) -> Engine:
    """Start or join the workers of a request; the end of the engine's block ends those that were started.

    warn: is told, in the thread that takes the results, of workers that are lost or not fit.

    Raises EngineError if what is asked for does not go together, an extra is missing, the scheduler or the queue cannot
    be used, or a worker is of another version.
    """
    _check(request)
    if request.scheduler is not None:
        from splatseg.engine.scheduler import join_scheduler  # noqa: PLC0415 (help texts need no Dask)

        return join_scheduler(request, warn)
    from splatseg.engine.requirements import require  # noqa: PLC0415 (help texts need no Dask)

    require("distributed")
    from distributed import Client  # noqa: PLC0415 (an extra)

    from splatseg.engine.dask_engine import DaskEngine  # noqa: PLC0415
    from splatseg.engine.jobqueue import read_jobs, start_jobs  # noqa: PLC0415
    from splatseg.engine.workers_here import start_here  # noqa: PLC0415

    with ExitStack() as stack:
        source = start_here(request) if request.jobqueue is None else start_jobs(read_jobs(request.jobqueue), request)
        cluster = stack.enter_context(source)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is to be said of versions is said by the engine
            client = Client(cluster, set_as_default=False)
        return DaskEngine(client, warn, cluster=stack.pop_all(), threads=request.threads, cards=request.cards)


def _check(request: EngineRequest) -> None:
    """Raise EngineError for choices that do not go together."""
    if request.scheduler is not None and request.jobqueue is not None:
        raise EngineError("a scheduler and a queue are two sources of workers; name one of --scheduler and --jobqueue")
    if request.workers is not None and request.workers < 1:
        raise EngineError(f"{request.workers} workers do no work; ask for 1 or more")
    if request.threads is not None and request.threads < 1:
        raise EngineError(f"{request.threads} threads do no work; ask for 1 or more")
    if request.memory is not None and (request.scheduler is not None or request.jobqueue is not None):
        place = "the queue's file" if request.jobqueue is not None else "dask worker --memory-limit"
        raise EngineError(f"--memory is for workers of this machine; those of a cluster get theirs from {place}")
