"""Models asked in batches that halve when memory runs out, and stay so."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import TypeVar

import torch

T = TypeVar("T")

LESS_MEMORY = "use a smaller model, or the CPU alone (CUDA_VISIBLE_DEVICES= before the command)"


class Batches:
    """How many things a model is asked about at a time. warn: told when memory ran out and they become fewer."""

    def __init__(self, size: int, device: torch.device, warn: Callable[[str], None] | None = None) -> None:
        self.size: int = size
        self._device, self._warn = device, warn

    def run(self, work: Callable[[int], T], things: str, too_little: Callable[[str], Exception]) -> T:
        """work(size), again with half the size when memory runs out. things: what is counted, for the warning.

        Raises too_little(reason) when there is no memory for one at a time; errors of other kinds as they come.
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
    """Whether memory ran out: on a GPU by its kind; on the CPU torch only says so."""
    return isinstance(error, MemoryError | torch.OutOfMemoryError) or "can't allocate memory" in str(error)
