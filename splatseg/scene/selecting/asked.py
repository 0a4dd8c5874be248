"""The prompts of a selection and everything they were asked with: levels, prompts to come and doubts follow from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from splatseg.scene.state import SceneState
from splatseg.select.levels import Levels
from splatseg.select.match import Match
from splatseg.select.prompt import Prompt


@dataclass(frozen=True, eq=False)
class Asked:
    """Prompts in a scene and the parameters that they are asked with."""

    scene: SceneState
    """The scene that answers."""
    prompts: tuple[Prompt, ...] = ()
    """The prompts; () if a selection was made otherwise."""
    granularity: float | None = None
    """Granularity in 0..1; None takes the segments as they are."""
    threshold: float | None = None
    """Least similarity, -1..1; None chooses it."""
    start: np.ndarray | None = None
    """(N,) bool, what was selected before the first prompt; None for nothing."""

    def match(self) -> Match:
        """Return the match of all prompts. Raises as `Scene.select`."""
        return self.scene.match(self.prompts, self.granularity, self.threshold, self.start)

    @cached_property
    def levels(self) -> Levels | None:
        """The levels of one wanted click; None for other prompts, with a threshold, and without a hierarchy."""
        if len(self.prompts) != 1 or self.start is not None or self.threshold is not None:
            return None
        prompt = self.prompts[0]
        if prompt.click is None or not prompt.wanted or self.scene.hierarchy is None:
            return None
        return self.scene.levels(prompt, self.granularity)

    @property
    def level(self) -> int | None:
        """The level of the click, 1 for the smallest; None without levels."""
        return None if self.levels is None else self.prompts[0].level or self.levels.default

    def at_levels(self) -> Iterator[tuple[Match, Asked]]:
        """Yield the match of each level and what asks for it; nothing without levels."""
        levels = self.levels
        if levels is None:
            return
        prompts = [replace(self.prompts[0], level=level) for level in range(1, len(levels) + 1)]
        for match, prompt in zip(self.scene.match_levels(prompts, levels, self.granularity), prompts, strict=True):
            asked = replace(self, prompts=(prompt,))
            asked.__dict__["levels"] = levels  # those of the same click: found once for all of them
            yield match, asked
