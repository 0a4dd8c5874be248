"""Proposers of masks: their protocol, and how to open one by name.

A proposer makes the masks of one image after another. `PROPOSERS` are known by name; any other name is that of a model
(`mask_model`).
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
    """Key of its scores in mask files."""

    views_at_once: int
    """Number of threads that may call it at once."""

    @property
    def facts(self) -> dict[str, Any]:
        """All that decides the masks, ready for JSON: "generator" (its name), "settings", versions of libraries."""
        ...

    def __call__(self, image: np.ndarray) -> Proposals:
        """Return all masks of an image (H,W,3) uint8, of all levels; they may overlap and repeat."""
        ...


Propose = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""Function from an image (H,W,3) uint8 to masks (M,H,W) bool and scores (M,)."""


class FunctionProposer:
    """A proposer made of a function of an image. facts: "generator" and "settings", as the protocol says."""

    score_name = "score"

    def __init__(self, propose: Propose, facts: dict[str, Any], views_at_once: int = 1) -> None:
        self._propose = propose
        self.facts = facts
        self.views_at_once = views_at_once

    def __call__(self, image: np.ndarray) -> Proposals:
        """See `Proposer`."""
        return proposals_of_masks(*self._propose(image))


FROM_IMAGE = "proposals"
"""Name of the proposer without a model: edges and colours of the image alone."""

AT_ONCE = max(1, min(4, os.cpu_count() or 1))
"""Views processed at once: numpy and scipy release the interpreter's lock. A 1000x667 view takes about 0.3 GB."""


def _from_image(settings: ProposeSettings) -> Proposer:
    del settings  # they are settings of models
    return FunctionProposer(propose_reduced, {"generator": FROM_IMAGE, "settings": asdict(DEFAULTS)}, AT_ONCE)


PROPOSERS: dict[str, Callable[[ProposeSettings], Proposer]] = {FROM_IMAGE: _from_image}
"""Proposers without a model, by the name that `--model` takes."""


def open_proposer(
    name: str,
    settings: ProposeSettings,
    device: str = "auto",
    precision: Precision = "auto",
    warn: Callable[[str], None] | None = None,
) -> Proposer:
    """Return the proposer of this name, or one with the model of this name or path.

    warn: called with a message when memory runs out and batches become smaller. Raises WeightsError if there is no such
    model.
    """
    if name in PROPOSERS:
        return PROPOSERS[name](settings)
    return PointGrid(load_mask_model(name, device, precision), settings, warn)
