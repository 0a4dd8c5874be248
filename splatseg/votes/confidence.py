"""Confidence: one number in 0..1 for how well the masks of all views support a segment.

    confidence(S) = support(S) * n / (n + 1)          n = (sum_v w_v seen_v)^2 / sum_v (w_v seen_v)^2

support(S) is the IoU of the best mask of each view with the segment's own pixels, averaged over views with weight
w_v seen_v (`agreement`). n is the effective number of views: V if all see equally much, 1 if one sees nearly all. The
factor adds one more view, in which no mask fits: a segment shown by a single view gets half the confidence of one that
many views agree on. Near 1: nearly every view has a mask of exactly this segment. 0: no mask is like it, or no view
sees it.

Alphabet: N Gaussians; V views that have masks; seen_v what view v sees of S under its masks, pixels; w_v its weight.

Source: ours; the shrinking is the rule of succession with one prior observation that failed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from splatseg.votes.agreement import Agreement


@dataclass(frozen=True)
class Confidence:
    """Confidence of one segment."""

    value: float
    """Confidence in 0..1."""
    support: float
    """Support in 0..1."""
    views: float
    """Effective number of views, n above; 0 if no view sees the segment under a mask."""


def segment_confidence(agreement: Agreement, ids: np.ndarray) -> dict[int, Confidence]:
    """Return the confidence of every segment of ids (N,), 0 = none, by id."""
    labels, groups = np.unique(ids, return_inverse=True)
    found = {}
    for label, tally in zip(labels.tolist(), agreement.tallies_of(groups.ravel(), len(labels)), strict=True):
        if label > 0:
            support, views = agreement.support_of(tally), _sharing(agreement.weighted(tally.seen()))
            found[label] = Confidence(support * views / (views + 1.0), support, views)
    return found


def _sharing(seen: np.ndarray) -> float:
    """Return the effective number of views from the pixels that each sees (V,)."""
    seen = seen.astype(np.float64)
    squares = float((seen**2).sum())
    return float(seen.sum()) ** 2 / squares if squares > 0 else 0.0
