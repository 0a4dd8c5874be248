"""Loaded by every worker that splatseg starts (Dask's `preload`): Ctrl-C is for the process that ends the workers."""

from __future__ import annotations

import logging
import signal
from typing import Any


def dask_setup(worker: Any) -> None:
    """Keep Ctrl-C, which a terminal sends to all of its processes, from a worker, and its talk from the terminal."""
    del worker
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    logging.getLogger("distributed").setLevel(logging.CRITICAL)
