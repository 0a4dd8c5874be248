"""Steps of a workspace and the way back: immutable states, kept as bits.

Alphabet: N Gaussians; bits (ceil(N / 8),) uint8 as np.packbits gives them.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splatseg.select.prompt import Prompt

KEPT = 50
"""Steps that can be undone: 2 N bits each at most, 12 MB for a million Gaussians."""


class Bits:
    """A set of Gaussians as bits. `array` unpacks them once and keeps that until `forget`."""

    def __init__(self, packed: np.ndarray, size: int, array: np.ndarray | None = None) -> None:
        """packed: as np.packbits gives them; size: N; array (N,) bool: the same unpacked, where it is at hand."""
        self.packed: np.ndarray = packed
        self.size: int = size
        self._array = array
        self._count: int | None = None

    @property
    def array(self) -> np.ndarray:
        """(N,) bool, not to be written to."""
        array = self._array
        if array is None:
            array = self._array = np.unpackbits(self.packed, count=self.size).view(bool)
        return array

    @property
    def count(self) -> int:
        """Number of Gaussians in the set."""
        if self._count is None:
            self._count = int(np.count_nonzero(self.array))
        return self._count

    def forget(self) -> None:
        """Keep the bits only."""
        self._array = None


def bits_of(members: np.ndarray) -> Bits:
    """Pack members (N,) bool, which from now on nobody writes to."""
    return Bits(np.packbits(members), len(members), members)


@dataclass(frozen=True, eq=False)
class Placed:
    """A prompt, and what was seen when it was given."""

    prompt: Prompt
    """The prompt itself."""
    hidden: Bits | None = None
    """The Gaussians that were hidden then; None if all were shown."""
    xyz: tuple[float, float, float] | None = None
    """The point seen at a click, world units; None for a box, and where nothing is seen."""
    query: np.ndarray | None = None
    """The unit feature (F,) seen at a click; None for a box, and where nothing with features is seen."""


@dataclass(frozen=True, eq=False)
class Step:
    """A state of a workspace."""

    members: Bits
    """The Gaussians that are selected."""
    hidden: Bits | None = None
    """The Gaussians that are not shown; None if all are."""
    start: Bits | None = None
    """The selection that the prompts began from; None if they began from nothing."""
    prompts: tuple[Placed, ...] = ()
    """The prompts since then, in order."""
    granularity: float | None = None
    """The granularity in 0..1 at which prompts are asked; None takes segments as they are."""
    threshold: float | None = None
    """The least similarity, -1..1; None finds one."""


class History:
    """The present step, those before it and those undone."""

    def __init__(self, step: Step) -> None:
        self._steps = [step]
        self._index = 0
        self._slider: str | None = None

    @property
    def now(self) -> Step:
        """The present step."""
        return self._steps[self._index]

    @property
    def can_undo(self) -> bool:
        """Whether there is one before it."""
        return self._index > 0

    @property
    def can_redo(self) -> bool:
        """Whether there is one that was undone."""
        return self._index + 1 < len(self._steps)

    def add(self, step: Step, slider: str | None = None) -> None:
        """Go on to a step. One that a slider made takes the place of the last, if the same slider made that."""
        if slider is not None and (slider == self._slider or not step.prompts):
            kept = self._steps[: self._index]
        else:
            kept = self._steps[: self._index + 1]
        self._leave()
        self._steps = [*kept, step][-KEPT - 1 :]
        self._index = len(self._steps) - 1
        self._slider = slider

    def undo(self) -> None:
        """Go back one step."""
        self._go(-1)

    def redo(self) -> None:
        """Go forth one step."""
        self._go(1)

    def _go(self, by: int) -> None:
        if 0 <= self._index + by < len(self._steps):
            self._leave()
            self._index += by
            self._slider = None

    def _leave(self) -> None:
        for bits in (self.now.members, self.now.start, self.now.hidden):
            if bits is not None:
                bits.forget()
