"""Proposers of masks: what they have in common, and which there are.

A proposer is asked for the masks of one image after the other. `PROPOSERS` are known by name; any other name is that
of a model (`mask_model`).
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import asdict
from typing import Any, Protocol

import numpy as np

from splatseg.masks.propose.image.propose import DEFAULTS, propose_reduced
from splatseg.masks.propose.proposals import Proposals, proposals_of_masks
from splatseg.masks.propose.sam.grid_of_points import PointGrid
from splatseg.masks.propose.sam.mask_model import load_mask_model
from splatseg.masks.propose.settings import Precision, ProposeSettings


class Proposer(Protocol):
    """A maker of masks from one image."""

    score_name: str
    """The name under which its scores are kept."""

    views_at_once: int
    """Threads that may call it at a time."""

    @property
    def facts(self) -> dict[str, Any]:
        """JSON-ready, all that decides the masks: "generator" (itself), "settings" and the versions of what it uses."""
        ...

    def __call__(self, image: np.ndarray) -> Proposals:
        """All masks of an (H,W,3) uint8 image, of all levels; they may overlap and repeat each other."""
        ...


Propose = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""From an (H,W,3) uint8 image to masks (M,H,W) bool and scores (M,)."""


class FunctionProposer:
    """A plain function of an image as a proposer. facts: "generator" and "settings", as the protocol says."""

    score_name = "score"

    def __init__(self, propose: Propose, facts: dict[str, Any], views_at_once: int = 1) -> None:
        self._propose = propose
        self.facts = facts
        self.views_at_once = views_at_once

    def __call__(self, image: np.ndarray) -> Proposals:
        """See `Proposer`."""
        return proposals_of_masks(*self._propose(image))


FROM_IMAGE = "proposals"
"""The proposer that needs no model: edges and colours of the image alone."""

AT_ONCE = max(1, min(4, os.cpu_count() or 1))
"""Views proposed at a time. numpy and scipy let others run while they compute; a 1000x667 view holds about 0.3 GB."""


def _from_image(settings: ProposeSettings) -> Proposer:
    del settings  # those are a model's
    return FunctionProposer(propose_reduced, {"generator": FROM_IMAGE, "settings": asdict(DEFAULTS)}, AT_ONCE)


PROPOSERS: dict[str, Callable[[ProposeSettings], Proposer]] = {FROM_IMAGE: _from_image}
"""Generators that need no model, by the name that `--model` takes."""


def open_proposer(
    name: str,
    settings: ProposeSettings,
    device: str = "auto",
    precision: Precision = "auto",
    warn: Callable[[str], None] | None = None,
) -> Proposer:
    """The proposer of this name, or one that asks the model of this name or path. Raises WeightsError for neither.

    warn: told when a model has to make do with less memory.
    """
    if name in PROPOSERS:
        return PROPOSERS[name](settings)
    return PointGrid(load_mask_model(name, device, precision), settings, warn)
