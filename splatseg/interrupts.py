"""Ctrl-C and SIGTERM as requests: the first asks the work to stop where nothing is lost, the second stops it at once.

Only the main thread of a program may handle signals. In any other thread no signal arrives, and the program's own
handlers stay in place; there, and in workers far away, whoever oversees the work asks by `ask_to_stop`.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_open: list[threading.Event] = []
"""Events of the blocks that are open, the outermost first."""


def open_blocks() -> int:
    """Return how many blocks of `stop_on_interrupt` are open in this process."""
    return len(_open)


def ask_to_stop(outside: int = 0) -> bool:
    """Ask the blocks of this process to stop, as a first Ctrl-C does; return False if there is none to heed it.

    outside: the outermost blocks that are not asked.
    """
    asked = _open[outside:]
    for event in asked:
        event.set()
    return bool(asked)


@contextmanager
def stop_on_interrupt() -> Iterator[threading.Event]:
    """Yield an event that Ctrl-C, SIGTERM or `ask_to_stop` sets; a second signal raises KeyboardInterrupt."""
    asked = threading.Event()
    _open.append(asked)
    try:
        with _signals(asked):
            yield asked
    finally:
        _open.remove(asked)


@contextmanager
def _signals(asked: threading.Event) -> Iterator[None]:
    """Let signals set an event in the block, if it is in the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def ask(number: int, frame: object) -> None:
        del number, frame
        if asked.is_set():
            raise KeyboardInterrupt
        asked.set()

    before = {number: signal.signal(number, ask) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
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
