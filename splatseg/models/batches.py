"""Batches for models, which become half as large when memory runs out, and stay so."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

T = TypeVar("T")

LESS_MEMORY = "use a smaller model, or the CPU alone (CUDA_VISIBLE_DEVICES= before the command)"
"""End of a message about memory: what to do."""


class Batches:
    """Size of the batches of a model; it is halved when memory runs out.

    warn: called with a message whenever that happens.
    """

    def __init__(self, size: int, device: torch.device, warn: Callable[[str], None] | None = None) -> None:
        self.size: int = size
        self._device, self._warn = device, warn

    def run(self, work: Callable[[int], T], things: str, too_little: Callable[[str], Exception]) -> T:
        """Return work(size), repeated with half the size when memory runs out. things: name of the items, for warnings.

        Raises too_little(reason) if there is no memory for a single item. Errors of other kinds are passed on.
        """
        while True:
            try:
                return work(self.size)
            except (MemoryError, RuntimeError) as error:
                if not _is_out_of_memory(error):
                    raise
                reason = str(error).split("\n", maxsplit=1)[0]
            if self.size == 1:
                raise too_little(reason)
            self.size = max(1, self.size // 2)
            if self._warn is not None:
                self._warn(f"out of memory on {self._device}; going on with {self.size} {things} at a time")
            gc.collect()
            if self._device.type == "cuda":
                torch.cuda.empty_cache()


def _is_out_of_memory(error: Exception) -> bool:
    """Return True if memory ran out: on a GPU by the type of the error, on the CPU by torch's message."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
