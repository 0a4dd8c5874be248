"""Things that all items of one call need, a capture or a mapped file: opened once by each process at work on them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")


class Opened(Generic[T]):
    """Keeps what was opened for the last call; threads may share it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._kept: dict[str, T] = {}

    def of(self, call: str, opener: Callable[[], T]) -> T:
        """Return what the call of this name needs; `opener` opens it, unless this process has it open."""
        with self._lock:
            if call not in self._kept:
                self._kept.clear()
                self._kept[call] = opener()
            return self._kept[call]

    def close(self) -> None:
        """Forget it."""
        with self._lock:
            self._kept.clear()

    @property
    def is_open(self) -> bool:
        """True while something is kept."""
        return bool(self._kept)
