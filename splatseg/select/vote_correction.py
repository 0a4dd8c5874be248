"""Correction of selections by the masks of all views, judged by the prompt and by these masks.

    score = fit to the prompt in its own view + support of the masks of all views          fit >= floor

A selection and its two corrections (`votes.agreement`: by majority, by matches) are candidates. The best score among
those that reach the floor is taken, so no candidate that is better in one is at least as good in the other. And the
prompt is kept: contradictory or nested masks do no harm, because a correction that departs from the prompt loses. If
the best of all does not reach the floor, it is repaired first.

Alphabet: N Gaussians; T candidates.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

from splatseg.select.match import Match
from splatseg.splats.splats import Splats
from splatseg.votes.agreement import Agreement
from splatseg.votes.corrections import Corrections, distinct

Judge = Callable[[np.ndarray], np.ndarray]
"""judge(members (T,N) bool) -> (T,): fit of each set to the prompt, 0..1."""

Repair = Callable[[Match], list[Match]]
"""repair(match) -> sets like it that fit the prompt better; one of them at least reaches the floor."""


def best_corrected(
    selections: Sequence[Match],
    splats: Splats,
    agreement: Agreement,
    judge: Judge,
    floor: float = 0.0,
    repair: Repair | None = None,
) -> tuple[Match, float]:
    """Return the best of selections and their corrections, all tidied, and its score, 0..2.

    floor: least fit to the prompt; if the best misses it, what `repair` makes of it competes with all that reach it.
    Empty ones do not count unless all are empty. The first of equals is taken.
    """
    corrections = Corrections(agreement)
    candidates = []
    for selection in selections:
        changes = (corrections.by_majority(selection.members), corrections.by_matches(selection.members))
        candidates += [selection, *(dataclasses.replace(selection, members=members) for members in changes)]
    tidied = _tidied(candidates, splats)
    fits, scores = _judged(tidied, corrections, judge)
    best = int(scores.argmax())
    if fits[best] < floor and repair is not None:
        repaired = repair(tidied[best])
        more = _judged(repaired, corrections, judge)
        tidied += repaired
        fits, scores = np.append(fits, more[0]), np.append(scores, more[1])
    if (fits >= floor).any():
        best = int(np.where(fits >= floor, scores, -1.0).argmax())
    return tidied[best], float(scores[best])


def _tidied(matches: Sequence[Match], splats: Splats) -> list[Match]:
    """Return the matches, all tidied; those with equal members share the result's."""
    firsts, which = distinct([match.members for match in matches])
    members = [matches[first].tidy(splats).members for first in firsts]
    return [dataclasses.replace(match, members=members[of]) for match, of in zip(matches, which, strict=True)]


def _judged(matches: Sequence[Match], corrections: Corrections, judge: Judge) -> tuple[np.ndarray, np.ndarray]:
    """Return fit and score (T,) of each match; -1 for empty ones. Equal ones are judged once."""
    firsts, which = distinct([match.members for match in matches])
    members = np.stack([matches[first].members for first in firsts])
    fits = np.where(members.any(axis=1), judge(members), -1.0)
    scores = fits + np.array([corrections.support(one) for one in members])
    return fits[which], scores[which]
