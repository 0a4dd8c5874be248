"""The time that a fit still takes, while its Gaussians grow in number and its images in size.

A step takes as long as its work, counted in Gaussians and pixels:

    work(step) = Gaussians(step) + PIXEL * pixels(step)

The pixels of a coming step are known: before `coarse_until` images have a quarter of them. The Gaussians are foreseen:
each coming round multiplies them by the factor of the rounds so far, before the first one by GROWTH, up to the limit.
The time left is the work left, at the pace (seconds per work) of the last reports: other programs come and go.

Alphabet: a report is (step, seconds, Gaussians).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from splatseg.train.settings import TrainSettings

PIXEL = 0.25
"""Work of a pixel, in that of a Gaussian [by processor time: 0.31 in a fit of demo, 0.18 in one of kitchen]."""

GROWTH = 1.5
"""Factor of a round of growth before one is seen [the same fits: 1.3 to 1.8]."""

PACE_SHARE = 0.2
"""Share of the work done over which the pace is taken, its last part."""


@dataclass(frozen=True)
class TimeLeft:
    """Estimates for one fit."""

    settings: TrainSettings
    """The settings of the fit."""
    pixels: float
    """Mean pixels of the training views."""

    def work(self, step: int, count: float) -> float:
        """Return the work of a step, counted from 0, on so many Gaussians."""
        coarse = self.settings.coarse_at(step, round(self.pixels))
        return count + PIXEL * self.pixels * (0.25 if coarse else 1.0)

    def foreseen(self, counts: Sequence[tuple[int, int]], step: int) -> float:
        """Return the number of Gaussians that a coming step will have.

        counts: steps and numbers of Gaussians so far, in order.
        """
        (first, begun), (now, count) = counts[0], counts[-1]
        rounds = self._rounds()
        coming = sum(now < k <= step for k in rounds)
        done = sum(first <= k <= now for k in rounds)
        factor = (count / begun) ** (1 / done) if done and begun else GROWTH
        return min(count * max(factor, 1.0) ** coming, max(self.settings.max_gaussians, count))

    def seconds(self, reports: Sequence[tuple[int, float, int]]) -> float | None:
        """Return the seconds from the last report to the end; None before there are two reports."""
        if len(reports) < 2 or reports[-1][1] <= reports[0][1]:
            return None
        done = [0.0]
        for (first, _, count), (last, _, _) in pairwise(reports):
            done.append(done[-1] + self.work(first, count) * (last - first))
        begin = next(k for k, work in enumerate(done) if work >= (1 - PACE_SHARE) * done[-1] or k == len(done) - 2)
        pace = (reports[-1][1] - reports[begin][1]) / (done[-1] - done[begin])
        return pace * self._work_left([(step, count) for step, _, count in reports])

    def _work_left(self, counts: Sequence[tuple[int, int]]) -> float:
        now, end = counts[-1][0], self.settings.iterations
        full = next((k for k in range(now, end) if not self.settings.coarse_at(k, round(self.pixels))), end)
        # Between rounds, and before and after images get their full size, all steps are alike.
        begins = sorted({now, full, *self._rounds(), end})
        parts = [(first, last) for first, last in pairwise(begins) if now <= first < end]
        return sum(self.work(first, self.foreseen(counts, first)) * (last - first) for first, last in parts)

    def _rounds(self) -> list[int]:
        """Return the steps after which the number of Gaussians changes."""
        every = self.settings.densify_every
        return [k for k in range(every, self.settings.densify_until + 1, every) if self.settings.densifies_after(k)]
