"""The history of a workspace: immutable steps, undo and redo; sets of Gaussians are kept as bits.

Alphabet: N Gaussians; bits (ceil(N / 8),) uint8 as np.packbits gives them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from splatseg.select.along_hierarchy import Way
from splatseg.select.prompt import Prompt

KEPT = 50
"""Most steps that can be undone: at most 2 N bits each, 12 MB for a million Gaussians."""


class Bits:
    """A set of Gaussians as bits. `array` unpacks them once and keeps the result until `forget`."""

    def __init__(self, packed: np.ndarray, size: int, array: np.ndarray | None = None) -> None:
        """packed: bits from np.packbits. size: N. array: the same set unpacked, (N,) bool, if it is available."""
        self.packed: np.ndarray = packed
        self.size: int = size
        self._array = array
        self._count: int | None = None

    @property
    def array(self) -> np.ndarray:
        """The set as (N,) bool; do not write to it."""
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
        """Drop the unpacked array and keep the bits."""
        self._array = None


def bits_of(members: np.ndarray) -> Bits:
    """Pack members (N,) bool; do not write to the array afterwards."""
    return Bits(np.packbits(members), len(members), members)


@dataclass(frozen=True)
class Marker:
    """A click in the scene."""

    xyz: tuple[float, float, float]
    """The point under the click, world units."""
    wanted: bool
    """True for a click that adds, False for one that takes away."""


@dataclass(frozen=True, eq=False)
class Placed:
    """A prompt with the state of the scene at the time it was given."""

    prompt: Prompt
    """The prompt."""
    hidden: Bits | None = None
    """The Gaussians that were hidden; None if all were shown."""
    xyz: tuple[float, float, float] | None = None
    """The point under a click, world units; None for a box, and if nothing is there."""
    query: np.ndarray | None = None
    """The unit feature (F,) under a click; None for a box, and if nothing with features is there."""


@dataclass(frozen=True, eq=False)
class Step:
    """One state of a workspace."""

    members: Bits
    """The selected Gaussians."""
    hidden: Bits | None = None
    """The hidden Gaussians; None if all are shown."""
    start: Bits | None = None
    """The selection before the first prompt; None if it was empty."""
    prompts: tuple[Placed, ...] = ()
    """The prompts since `start`, in order."""
    granularity: float | None = None
    """Granularity of the prompts in 0..1; None takes segments as they are."""
    threshold: float | None = None
    """Least similarity of a member, -1..1; None finds one."""
    way: tuple[Bits, Way] | None = None
    """The way along the hierarchy on which these members were reached; it counts while they are the present ones."""

    def with_members(self, members: np.ndarray) -> Step:
        """Return the step with other members (N,) bool, which no prompt made."""
        bits = bits_of(members)
        return replace(self, members=bits, start=bits if bits.count else None, prompts=())


class History:
    """The present step, the steps before it and the undone steps."""

    def __init__(self, step: Step) -> None:
        self._steps = [step]
        self._index = 0
        self._slider: str | None = None

    @classmethod
    def of(cls, steps: Sequence[Step], index: int) -> History:
        """Make a history of at most KEPT + 1 steps, of which the one at `index` is the present."""
        made = cls(steps[index])
        made._steps, made._index = list(steps), index
        return made

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps, in order."""
        return tuple(self._steps)

    @property
    def index(self) -> int:
        """Number of the present step among them."""
        return self._index

    @property
    def now(self) -> Step:
        """The present step."""
        return self._steps[self._index]

    @property
    def can_undo(self) -> bool:
        """True if there is a step before the present one."""
        return self._index > 0

    @property
    def can_redo(self) -> bool:
        """True if there is an undone step."""
        return self._index + 1 < len(self._steps)

    @property
    def slider(self) -> str | None:
        """The slider that made the present step, if it was one."""
        return self._slider

    def add(self, step: Step, slider: str | None = None) -> None:
        """Add a step.

        slider: the slider that made it. It replaces the last step if the same slider made that too, or if it selects
        the same: there is nothing to undo then.
        """
        if slider is not None and (slider == self._slider or step.members is self.now.members):
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
        """Go forward one step."""
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
