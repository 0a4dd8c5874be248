"""A cut of the hierarchy with fewer noisy segments, if a coarser one has them: the granularity to name in the report.

Segments that few masks support are mostly pieces that belong to a neighbour, which a coarser cut joins to it. Coarser
granularities are tried in steps of a tenth, and the first that halves the number of noisy segments is taken; 1, which
makes a group of everything, is not tried. Each takes about a second for 100,000 Gaussians and 280 views; of a splat in
files, where they would take longer than all else, none is tried.
"""

from __future__ import annotations

from dataclasses import dataclass

from splatseg.cluster.cluster import segments_of
from splatseg.report.findings import NOISY
from splatseg.run.folder import Run
from splatseg.splats.splats import Splats
from splatseg.votes.confidence import segment_confidence

TRIED = tuple(tenth / 10 for tenth in range(1, 10))
"""Granularities that are tried, in this order, those above the present one."""


@dataclass(frozen=True)
class CoarserCut:
    """The segments at another granularity."""

    granularity: float
    """The granularity, 0..1."""
    segments: int
    """Number of segments."""
    noisy: int
    """Number of noisy ones among them."""


def coarser_cut(run: Run, splats: Splats, noisy: int) -> CoarserCut | None:
    """Return the finest cut above a run's granularity that has at most half of `noisy` noisy segments; None for none.

    splats: the run's own. Raises RunError for a damaged hierarchy or damaged votes.
    """
    if splats.is_mapped:
        return None
    hierarchy, agreement = run.hierarchy(splats), run.agreement(splats)
    if not noisy or hierarchy is None or agreement is None:
        return None
    for granularity in TRIED:
        if granularity > run.settings.cluster.granularity:
            found = segment_confidence(agreement, segments_of(hierarchy, granularity, agreement))
            still = sum(confidence.value < NOISY for confidence in found.values())
            if still <= noisy / 2 and len(found) > 1:
                return CoarserCut(granularity, len(found), still)
    return None
