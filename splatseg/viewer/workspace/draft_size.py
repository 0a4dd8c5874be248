"""How large pictures may be while the camera moves: as large as can be drawn often enough.

Times of the last pictures decide; a step down comes at once, a step up only when there is room for it, so that the
size does not swing.
"""

from __future__ import annotations

SCALES = (1.0, 0.75, 0.6, 0.5, 0.4, 0.3, 0.25)
"""Sides of a moving picture, as shares of those of a still one."""

LONGEST = 1.0 / 15.0
"""Seconds a moving picture may take: 12 a second, and a fifth of the time for sending it."""

ROOM = 0.6
"""Of that a picture takes at most this share before a larger size is tried."""

REMEMBERED = 3
"""Pictures of one size whose shortest time counts: others' work on the machine does not make pictures smaller."""


class Pace:
    """Give it the time of every moving picture; `scale` is the size of the next."""

    def __init__(self) -> None:
        self._at = SCALES.index(0.5)
        self._times: list[float] = []

    @property
    def scale(self) -> float:
        """In 0..1."""
        return SCALES[self._at]

    def took(self, seconds: float) -> None:
        """A moving picture of the present scale took so long."""
        self._times.append(seconds)
        if len(self._times) < REMEMBERED:
            return
        shortest = min(self._times)
        self._times = self._times[1:]
        step = 1 if shortest > LONGEST else -1 if shortest < ROOM * LONGEST else 0
        at = min(max(self._at + step, 0), len(SCALES) - 1)
        if at != self._at:
            self._at, self._times = at, []
