"""Boundaries: Gaussians that straddle two segments are split and settled, in a copy, so that masks have clean edges.

    votes -> ids corrected -> (straddlers -> cuts tried along two axes -> cuts that separate stand -> votes) x rounds
          -> Gaussians at boundaries settled on photographs and masks -> votes, ids corrected

A cut stands only if it separates: its children are seen mostly in different segments. So a Gaussian that merely leaks
through an edge is not cut, the number of Gaussians hardly grows, and the picture stays. Settling trims: it shifts,
shrinks and fades Gaussians that still lie across an edge. Gaussians that no second segment sees are never touched.

Alphabet: N Gaussians before, N' after; parent (N',) the Gaussian before that each comes from.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch

from splatseg.arrays import check_shapes
from splatseg.refine.profile import CHILDREN
from splatseg.refine.settings import RefineSettings
from splatseg.refine.settle import Targets, settle
from splatseg.refine.split import split_along
from splatseg.refine.straddle import Matched, Tally, tally
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.votes import Votes, collect_votes

if TYPE_CHECKING:
    from splatseg.capture.view import View
    from splatseg.masks.source import MaskSource

AXES_TRIED = 2
"""Axes along which a cut is tried, the longest: a Gaussian is a disc or a needle, its shortest axis separates
nothing."""

Progress = Callable[[str, int, int], None]
"""Called as progress(stage, done, total)."""


@dataclass(frozen=True, eq=False)
class Refined:
    """A splat with clean boundaries, and a record of the changes."""

    splats: Splats
    """N' Gaussians with segment ids."""
    votes: Votes
    """Votes of the masks on these Gaussians."""
    parent: np.ndarray
    """(N',) int64, the Gaussian before that each comes from."""
    split: int
    """Number of Gaussians that were split."""
    moved: np.ndarray
    """(N',) bool: Gaussians that may differ from before."""

    def __post_init__(self) -> None:
        check_shapes(parent=(self.parent, "N"), moved=(self.moved, "N"), means=(self.splats.means, "N 3"))


def refine_boundaries(
    splats: Splats,
    views: Sequence[View],
    masks: MaskSource,
    settings: RefineSettings | None = None,
    background: tuple[float, float, float] = (0.0, 0.0, 0.0),
    progress: Progress | None = None,
) -> Refined:
    """Split and settle the Gaussians of a segmented splat that straddle two segments; `splats` itself is not changed.

    views: the training views; masks: their 2D masks. Ids keep their meaning. The same input gives the same bits.

    Raises ValueError for a splat without segment ids, MaskError as `collect_votes`.
    """
    if splats.segment_ids is None:
        raise ValueError("the splat has no segment ids; cluster it first")
    settings = settings or RefineSettings()
    job = _Job(views, masks, settings, progress)
    votes = job.votes(splats, "votes")
    # Masks are matched with segments once: matched again with corrected ids, a segment may creep into its neighbour.
    matched = Agreement(votes).matched(splats.segment_ids.numpy())
    refined, parent, split = job.corrected(splats, votes, matched), np.arange(len(splats)), 0
    for number in range(settings.rounds):
        separated, came_from, count = job.separated(refined, votes, matched, f"round {number + 1}")
        if count == 0:
            break
        votes, split = job.votes(separated, f"round {number + 1}: votes"), split + count
        refined, parent = job.corrected(separated, votes, matched), parent[came_from]
    moved = np.bincount(parent, minlength=len(splats))[parent] > 1
    at_boundary = moved | (job.tally(votes, matched).ambiguity > 0)
    if settings.steps > 0 and at_boundary.any():
        moved = at_boundary
        refined = job.settled(refined, votes, matched, moved, background)
        votes = job.votes(refined, "votes after")
        refined = job.corrected(refined, votes, matched)
    return Refined(refined, votes, parent, split, moved)


class _Job:
    """Views, masks, settings and progress, which stay the same through the rounds."""

    def __init__(
        self, views: Sequence[View], masks: MaskSource, settings: RefineSettings, progress: Progress | None
    ) -> None:
        self._views, self._masks, self._settings = views, masks, settings
        self._progress: Progress = progress or (lambda what, done, total: None)

    def votes(self, splats: Splats, what: str) -> Votes:
        return collect_votes(splats, self._views, self._masks, lambda done, total: self._progress(what, done, total))

    def tally(self, votes: Votes, matched: Matched) -> Tally:
        return tally(votes, matched, self._settings.evidence)

    def corrected(self, splats: Splats, votes: Votes, matched: Matched) -> Splats:
        assert splats.segment_ids is not None
        ids = self.tally(votes, matched).corrected(splats.segment_ids.numpy())
        return splats.replace(segment_ids=torch.from_numpy(ids))

    def separated(self, splats: Splats, votes: Votes, matched: Matched, what: str) -> tuple[Splats, np.ndarray, int]:
        """Return (the splat after all cuts that separate, parent (N',), number of cuts)."""
        which = self.tally(votes, matched).straddlers(self._settings.held)
        longest_first = np.argsort(-splats.log_scales.detach().numpy()[which], axis=1, kind="stable")
        best, axes = np.zeros(len(which)), np.full(len(which), -1)
        for place in range(AXES_TRIED if len(which) else 0):
            tried, _ = split_along(splats, which, longest_first[:, place], self._settings.width)
            counted = self.votes(tried, f"{what}: cut {place + 1}")
            # `split_along` puts children after all Gaussians that stay.
            gain = _purer(counted, matched, slice(len(splats) - len(which), len(tried)))
            axes = np.where(gain > best, longest_first[:, place], axes)
            best = np.maximum(best, gain)
        cut = axes >= 0
        changed, parent = split_along(splats, which[cut], axes[cut], self._settings.width)
        return changed, parent, int(cut.sum())

    def settled(
        self,
        splats: Splats,
        votes: Votes,
        matched: Matched,
        moving: np.ndarray,
        background: tuple[float, float, float],
    ) -> Splats:
        targets = Targets(votes, matched[0], self._masks)
        steps, weight, seed = self._settings.steps, self._settings.weight, self._settings.seed

        def report(done: int) -> None:
            self._progress("settling", done, steps)

        return settle(splats, moving, self._views, targets, steps, weight, background, seed, report)


def _purer(votes: Votes, matched: Matched, children: slice) -> np.ndarray:
    """Return the pixels (R,) that lie in the segment of their child but did not lie in that of the parent.

    Children are R first, R second and R third ones. 0 if all children belong to one segment.
    """
    inside = (votes.weights[children] @ matched[0]).toarray()
    each = inside.reshape(CHILDREN, -1, inside.shape[1])  # (child, parent, segment)
    gained = each.max(axis=2).sum(axis=0) - each.sum(axis=0).max(axis=1)
    labels = each.argmax(axis=2)
    purer: np.ndarray = np.where((labels != labels[:1]).any(axis=0), gained, 0.0)
    return purer
