"""Adapts drafts so that moving the camera stays smooth: how large they are, and how far Gaussians are merged in them.

The times of the last pictures decide. They step down as soon as pictures take too long, and step up only when there is
room for it, so that they do not swing. The times of full pictures tell when a draft has to come before the next one.
"""

from __future__ import annotations

from typing import Literal

STEPS = (
    *((1.0, 1), (1.0, 2), (0.75, 2), (0.75, 3), (0.6, 3), (0.5, 3)),
    *((0.5, 4), (0.4, 4), (0.3, 4), (0.25, 4)),
)
"""Width and height of a draft as shares of those of a full picture, and the largest side of a cell in which Gaussians
are merged, in pixels of the draft. A smaller picture costs more sharpness than merging, and time grows with Gaussians
rather than with pixels (benchmarks/bench_levels.py); so cells grow first."""

LONGEST = 1.0 / 20.0
"""Most seconds to draw a draft: 16 per second leave a fifth of the time for sending them."""

ROOM = 0.6
"""Share of LONGEST below which a larger size is tried."""

REMEMBERED = 3
"""Drafts of one size whose shortest time counts, so that other load on the machine does not make drafts smaller."""


class Pace:
    """Takes the time of every draft and gives the size of the next as `scale`, and how far it is merged as `cell`.

    Attributes:
        slow: True if the last draft took so long that a larger one would not be tried.
    """

    def __init__(self) -> None:
        self._at = next(at for at, (scale, _) in enumerate(STEPS) if scale == 0.5)
        self._times: list[float] = []
        self.slow: bool = False

    @property
    def scale(self) -> float:
        """Width and height of the next draft as a share of a full picture's, in 0..1."""
        return STEPS[self._at][0]

    @property
    def cell(self) -> float:
        """Largest side in pixels of the cells in which Gaussians of the next draft are merged, if they are."""
        return STEPS[self._at][1]

    def took(self, seconds: float, merged: bool = False) -> None:
        """Record the seconds that a draft of the present step took. merged: True if its Gaussians were merged."""
        self._times.append(seconds)
        self.slow = seconds > ROOM * LONGEST
        if len(self._times) < REMEMBERED:
            return
        shortest = min(self._times)
        self._times = self._times[1:]
        step = 1 if shortest > LONGEST else -1 if shortest < ROOM * LONGEST else 0
        at = self._at
        while 0 <= at + step < len(STEPS) and step:
            at += step
            if merged or STEPS[at][0] != self.scale:
                break  # another cell alone makes no difference to a draft that merges nothing
        if at != self._at:
            self._at, self._times = at, []


LATE = 0.15
"""Most seconds from a click, or from a jump to another view, to the picture that shows it: the viewer's budget."""

Made = Literal["prepared", "blended", "marked"]
"""Kinds of full pictures, by what is new in them: the view, its values, or the selection alone."""


class Waits:
    """Takes the times of full pictures, and tells whether the next one would be late."""

    def __init__(self) -> None:
        self._times: dict[Made, list[float]] = {}

    def took(self, seconds: float, made: Made) -> None:
        """Record the seconds that a full picture took."""
        self._times[made] = [*self._times.get(made, []), seconds][-REMEMBERED:]

    def late(self, made: Made) -> bool:
        """Return True if the last pictures of this kind took longer than LATE, even the quickest of them.

        Of a kind that was not drawn yet those count for which everything was made.
        """
        return min(self._times.get(made) or self._times.get("prepared", [0.0])) > LATE
