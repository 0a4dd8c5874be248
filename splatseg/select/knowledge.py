"""Votes, hierarchy and granularity: the knowledge, besides the splat itself, from which prompts are answered."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from splatseg.cluster.cluster import segments_of
from splatseg.cluster.hierarchy import Hierarchy
from splatseg.errors import PromptError
from splatseg.votes.agreement import Agreement


@dataclass(frozen=True, eq=False)
class Knowledge:
    """Votes, hierarchy and granularity of a splat."""

    agreement: Agreement | None = None
    """The votes of all views; None without."""
    hierarchy: Hierarchy | None = None
    """The hierarchy of the segments; None without."""
    granularity: float | None = None
    """Granularity in 0..1 at which segments are taken; None takes them as they are in the splat."""
    usual: float = 0.5
    """Granularity that the splat's own segments were cut at."""
    quick: bool = False
    """Take boundaries at a granularity from the hierarchy, without correcting them by the votes. A slider needs
    that: it takes a thousandth of the time, and the segments are nearly the same [mean IoU of tabletop and demo at
    granularities 0.1 to 0.9: 0.997]."""

    @cached_property
    def cut(self) -> np.ndarray | None:
        """The segments (N,) int32 at the granularity, 0 = none; None for those of the splat.

        Raises PromptError if there is a granularity and no hierarchy.
        """
        if self.granularity is None:
            return None
        if self.hierarchy is None:
            raise PromptError("there is no hierarchy to cut at a granularity; run `splatseg segment RUN` again")
        if not self.quick:
            return segments_of(self.hierarchy, self.granularity, self.agreement)
        nodes = self.hierarchy.cut(self.granularity)
        return nodes if self.agreement is None else np.where(self.agreement.in_masks, nodes, 0).astype(np.int32)
