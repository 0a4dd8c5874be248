"""Correction of a selection by the masks of all views, judged by the prompt and by these masks.

The selection itself and its two corrections (`votes.agreement`: by majority, by matches) are judged by the prompt in
its own view and by the masks in all views, and the best is taken. So contradictory or nested masks do no harm: a
correction that departs from the prompt loses.

Alphabet: N Gaussians; T candidates.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from splatseg.select.match import Match
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement

Judge = Callable[[np.ndarray], np.ndarray]
"""judge(members (T,N) bool) -> (T,): fit of each set to the prompt, 0..1."""


def best_corrected(
    selections: Sequence[Match], splats: Splats, agreement: Agreement, judge: Judge
) -> tuple[Match, float]:
    """Return the best of selections and their corrections, all tidied, and its score.

    The score is the fit to the prompt plus the support of the masks, 0..2. Empty ones do not count unless all are
    empty. The first of equals is taken.
    """
    candidates = []
    for selection in selections:
        changes = (agreement.by_majority(selection.members), agreement.by_matches(selection.members))
        candidates += [selection, *(dataclasses.replace(selection, members=members) for members in changes)]
    tidied = [candidate.tidy(splats) for candidate in candidates]
    members = np.stack([candidate.members for candidate in tidied])
    fits = judge(members) + np.array([agreement.support(one) for one in members])
    fits[~members.any(axis=1)] = -1.0
    best = int(fits.argmax())
    return tidied[best], float(fits[best])
