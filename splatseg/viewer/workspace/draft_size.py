"""Adapts the size of draft pictures so that moving the camera stays smooth.

The times of the last pictures decide. The size steps down as soon as pictures take too long, and steps up only when
there is room for it, so that it does not swing.
"""

from __future__ import annotations

SCALES = (1.0, 0.75, 0.6, 0.5, 0.4, 0.3, 0.25)
"""Width and height of a draft as shares of those of a full picture."""

LONGEST = 1.0 / 15.0
"""Most seconds to draw a draft: 12 per second leave a fifth of the time for sending them."""

ROOM = 0.6
"""Share of LONGEST below which a larger size is tried."""

REMEMBERED = 3
"""Drafts of one size whose shortest time counts, so that other load on the machine does not make drafts smaller."""


class Pace:
    """Takes the time of every draft and gives the size of the next as `scale`."""

    def __init__(self) -> None:
        self._at = SCALES.index(0.5)
        self._times: list[float] = []

    @property
    def scale(self) -> float:
        """Width and height of the next draft as a share of a full picture's, in 0..1."""
        return SCALES[self._at]

    def took(self, seconds: float) -> None:
        """Record the seconds that a draft of the present scale took."""
        self._times.append(seconds)
        if len(self._times) < REMEMBERED:
            return
        shortest = min(self._times)
        self._times = self._times[1:]
        step = 1 if shortest > LONGEST else -1 if shortest < ROOM * LONGEST else 0
        at = min(max(self._at + step, 0), len(SCALES) - 1)
        if at != self._at:
            self._at, self._times = at, []
