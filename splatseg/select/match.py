"""The match of a prompt: the Gaussians of the object it points at, and the similarity of each.

Alphabet: N Gaussians; scores (N,) in -1..1, the similarity to the prompt; members (N,) bool.
"""

from __future__ import annotations

import dataclasses
import weakref
from dataclasses import dataclass

import numpy as np
from torch import Tensor

from splatseg.arrays import check_shapes
from splatseg.cluster.components import drop_small_pieces
from splatseg.errors import PromptError
from splatseg.machine.mapped import ranges, release, scratch
from splatseg.splats.splats import Splats


@dataclass(frozen=True, eq=False)
class Match:
    """A selection of Gaussians among N.

    members are mostly `scores >= threshold`; a tidied match, or one taken from segments, may differ from that.
    """

    scores: np.ndarray
    """(N,) float32: similarity to the prompt."""
    threshold: float
    """Least similarity of a member."""
    members: np.ndarray
    """(N,) bool: the Gaussians that match."""

    def __post_init__(self) -> None:
        check_shapes(scores=(self.scores, "N"), members=(self.members, "N"))
        assert self.members.dtype == np.bool_, self.members.dtype

    @classmethod
    def of(cls, members: np.ndarray) -> Match:
        """Return the match of Gaussians that are given, members (N,) bool, not compared with anything."""
        scores = members.astype(np.float32)
        scores -= 0.5
        return cls(scores, 0.0, members)

    @property
    def count(self) -> int:
        """Number of Gaussians selected."""
        return int(np.count_nonzero(self.members))

    def at(self, threshold: float) -> Match:
        """Return the same prompt at another threshold, not tidied: lower grows the selection, higher shrinks it."""
        return Match(self.scores, threshold, self.scores >= threshold)

    def union(self, other: Match) -> Match:
        """Return the Gaussians that either match selects."""
        return Match(np.maximum(self._margin(), other._margin()), 0.0, self.members | other.members)

    def intersect(self, other: Match) -> Match:
        """Return the Gaussians that both matches select."""
        return Match(np.minimum(self._margin(), other._margin()), 0.0, self.members & other.members)

    def invert(self) -> Match:
        """Return the Gaussians that are not selected."""
        return Match(-self._margin(), 0.0, ~self.members)

    def tidy(self, splats: Splats, min_share: float = 0.05) -> Match:
        """Drop the connected pieces (in space) with less than min_share of the largest piece's Gaussians."""
        means, reach = splats.positions, splats.reach
        return dataclasses.replace(self, members=drop_small_pieces(self.members, means, reach, min_share))

    def _margin(self) -> np.ndarray:
        # Thresholds of two prompts cannot be compared, but distances to them can.
        return self.scores - np.float32(self.threshold)


_UNIT: weakref.WeakKeyDictionary[Splats, np.ndarray] = weakref.WeakKeyDictionary()
"""Unit features of mapped splats, in scratch memory: for every prompt anew they would all be read and written."""


def features_of(splats: Splats) -> np.ndarray:
    """Return the features (N,F) float32 with unit rows, zero rows kept; of a mapped splat in scratch memory.

    Raises PromptError if the splat has none.
    """
    known = _UNIT.get(splats)
    if known is not None:
        return known
    features = None if splats.features is None else splats.features.detach()
    if features is None or features.shape[1] == 0 or not any(features[rows].any() for rows in ranges(len(features))):
        raise PromptError(
            "the splat has no segmentation features, so nothing can be compared with the prompt; "
            "run `splatseg segment RUN --masks DIR` first"
        )
    if not splats.is_mapped:
        return _unit(features)
    unit = _UNIT[splats] = scratch((features.shape[0], features.shape[1]), np.float32)
    for rows in ranges(len(unit)):
        unit[rows] = _unit(features[rows].contiguous())
        release(unit)
    return unit


def _unit(features: Tensor) -> np.ndarray:
    unit: np.ndarray = (features / features.norm(dim=1, keepdim=True).clamp(min=1e-12)).float().numpy()
    return unit


def nonempty(selection: Match, prompt: str) -> Match:
    """Return the selection itself. Raises PromptError if it holds no Gaussian; the message names `prompt`."""
    if selection.count == 0:
        raise PromptError(
            f"{prompt} selects nothing at threshold {selection.threshold:.3g}; "
            f"the highest similarity is {float(selection.scores.max(initial=-1.0)):.3g}: lower the threshold"
        )
    return selection
