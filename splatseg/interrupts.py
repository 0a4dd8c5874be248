"""Ctrl-C and SIGTERM as a request: the first asks the work to stop where nothing is lost, a second stops it at once.

Only the main thread of a program may handle signals; in any other nothing is ever asked, and the program's own handlers
stand.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """Give the block an event that Ctrl-C or SIGTERM sets; a second one raises KeyboardInterrupt in the block."""
    asked = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return

    def ask(number: int, frame: object) -> None:
        del number, frame
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def wait_for_interrupt() -> None:
    """Return when Ctrl-C or SIGTERM comes; one that comes later is as if this had never been called."""
    with stop_on_interrupt() as asked:
        while not asked.wait(1.0):  # a wait without end would not let a signal in on every system
            continue
