"""Workers of a scheduler that runs already: asked whether it is there, has workers, and whether all of them are fit."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from splatseg.engine.request import EngineRequest
from splatseg.engine.requirements import require
from splatseg.errors import EngineError

if TYPE_CHECKING:
    from splatseg.engine.dask_engine import DaskEngine

ANSWER = 5.0
"""Seconds that a scheduler has to answer."""

FORM = re.compile(r"(tcp|tls)://([^\s/:\[\]]+|\[[0-9a-fA-F:]+\]):([0-9]{1,5})")

START = "start it with: dask scheduler"
START_WORKERS = "start some with: dask worker {address} --nthreads 1 --nworkers N"


def join_scheduler(request: EngineRequest, warn: Callable[[str], None]) -> DaskEngine:
    """Return the engine of a scheduler's workers.

    Raises EngineError if the extra is missing, the scheduler does not answer in time or has no workers, or one of them
    is of another version, does several tasks at once, or has not the cards that are asked for.
    """
    require("distributed")
    from distributed import Client  # noqa: PLC0415 (an extra)

    from splatseg.engine.dask_engine import DaskEngine  # noqa: PLC0415
    from splatseg.engine.members import members_of  # noqa: PLC0415

    address = request.scheduler or ""
    parts = FORM.fullmatch(address)
    if not parts:
        raise EngineError(
            f"the scheduler {address[:80]!r} is no address; write it as tcp://HOST:8786 or tls://HOST:8786"
        )
    # What Dask says of a connection that fails is said here.
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
    try:
        socket.create_connection((parts[2].strip("[]"), int(parts[3])), ANSWER).close()
        with ThreadPoolExecutor(1) as other:  # the caller's thread may have a loop of its own, as in a notebook
            other.submit(lambda: asyncio.run(_ask(address))).result()
        client = Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, OverflowError, ValueError, TypeError, RuntimeError) as error:
        raise EngineError(
            f"no scheduler answers at {address} ({_short(error)}); {START}, or look whether the address is right and "
            "a firewall lets it through"
        ) from error
    try:
        members = members_of(client).values()
        unfit = [member.unfit for member in members if member.unfit]
        if not members:
            raise EngineError(f"the scheduler at {address} has no workers; {START_WORKERS.format(address=address)}")
        if unfit:
            raise EngineError(unfit[0])
        if not any(member.cards >= request.cards for member in members):
            raise EngineError(
                f"no worker of the scheduler at {address} declares a card; start them with: "
                f'dask worker {address} --nthreads 1 --resources "GPU={request.cards}", or use --device cpu'
            )
        return DaskEngine(client, warn, most=request.workers, threads=request.threads, cards=request.cards)
    except BaseException:
        client.close(timeout=1)
        raise


async def _ask(address: str) -> None:
    """Ask a scheduler who it is: Dask's client would wait for ever for a server that says nothing."""
    from distributed import rpc  # noqa: PLC0415 (an extra)
    from distributed.security import Security  # noqa: PLC0415

    async with rpc(address, connection_args=Security().get_connection_args("client")) as scheduler:
        await asyncio.wait_for(scheduler.identity(n_workers=0), ANSWER)


def _short(error: BaseException) -> str:
    """Return the reason of an error in a few words."""
    if isinstance(error, TimeoutError):
        return f"it did not answer within {ANSWER:.0f} seconds"
    words = error.strerror if isinstance(error, OSError) and error.strerror else " ".join(str(error).split())
    return words[:100]
