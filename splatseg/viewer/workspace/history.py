"""Steps of a workspace and the way back: immutable states, kept as bits.

Alphabet: N Gaussians; bits (ceil(N / 8),) uint8 as np.packbits gives them.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from splatseg.select.prompts import Prompt

KEPT = 50
"""Steps that can be undone: 2 N bits each at most, 12 MB for a million Gaussians."""


@dataclass(frozen=True, eq=False)
class Bits:
    """A set of Gaussians, (N,) bool, packed; `array` unpacks it and keeps that for as long as it is the present one."""

    packed: np.ndarray
    size: int

    @cached_property
    def array(self) -> np.ndarray:
        """(N,) bool, not to be written to."""
        return np.unpackbits(self.packed, count=self.size).view(bool)

    @cached_property
    def count(self) -> int:
        """How many they are."""
        return int(np.count_nonzero(self.array))

    def forget(self) -> None:
        """Keep the bits only."""
        self.__dict__.pop("array", None)


def bits_of(members: np.ndarray) -> Bits:
    """The set of members (N,) bool, which from now on nobody writes to."""
    bits = Bits(np.packbits(members), len(members))
    bits.__dict__["array"] = members
    return bits


@dataclass(frozen=True, eq=False)
class Placed:
    """A prompt with what was hidden when it was given; xyz: the point seen at a click, world units; query: the unit
    feature (F,) seen there. Both are None for boxes and where there is none."""

    prompt: Prompt
    hidden: Bits | None = None
    xyz: tuple[float, float, float] | None = None
    query: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Step:
    """members: what is selected; hidden: what is not shown, None for nothing; start: what was selected when the
    prompts began, None for nothing; prompts, in order, with what was hidden when each was given; how they are asked."""

    members: Bits
    hidden: Bits | None = None
    start: Bits | None = None
    prompts: tuple[Placed, ...] = ()
    granularity: float | None = None
    threshold: float | None = None


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
