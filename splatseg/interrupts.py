"""Ctrl-C and SIGTERM as requests: the first asks the work to stop where nothing is lost, the second stops it at once.

Only the main thread of a program may handle signals. In any other thread no request arrives, and the program's own
handlers stay in place.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C or SIGTERM sets; a second signal raises KeyboardInterrupt in the block."""
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


def wait_for_interrupt(begin: Callable[[], None] = lambda: None) -> None:
    """Wait for Ctrl-C or SIGTERM, then put the program's own handlers back.

    begin: called first; a signal that comes during it is heeded after it.
    """
    with stop_on_interrupt() as asked:
        begin()
        while not asked.wait(1.0):  # on some systems a wait without a timeout keeps signals out
            continue
