"""Settings of the refinement of boundaries."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RefineSettings:
    """Settings of the refinement of boundaries."""

    rounds: int = 1
    """Rounds of splitting; 0 only settles."""
    held: float = 0.9
    """Share of all that is seen in a second segment which the Gaussians to be split hold together."""
    evidence: float = 6.0
    """Pixels, over all views, with which a Gaussian must be seen to be judged."""
    width: float = 0.6
    """Width of a child along the cut, as a share of its parent's."""
    steps: int = 150
    """Steps of settling."""
    weight: float = 0.5
    """Weight of the label maps, relative to the photographs, in the loss of settling."""
    seed: int = 0
    """Seed of the order of views and the codes of segments while settling."""
