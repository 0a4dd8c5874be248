"""A proposer made of a function of an image."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from splatseg.cameras.camera import Camera
from splatseg.masks.propose.proposals import Proposals, proposals_of_masks

Propose = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Function from an image (H,W,3) uint8 to masks (M,H,W) bool and scores (M,)."""


class FunctionProposer:
    """facts: "generator" and "settings", as `Proposer` says."""

    score_name = "score"

    def __init__(self, propose: Propose, facts: dict[str, Any], views_at_once: int = 1) -> None:
        self._propose = propose
        self.facts = facts
        self.views_at_once = views_at_once

    def __call__(self, image: np.ndarray, camera: Camera) -> Proposals:
        return proposals_of_masks(*self._propose(image))
