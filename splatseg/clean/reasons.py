"""Reasons for which a Gaussian goes when a scene is cleaned; one Gaussian may have several.

Alphabet: N Gaussians; reasons (N,) uint8, a bit each, 0 = it stays.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import IntFlag

import numpy as np


class Reason(IntFlag):
    """Reasons for which a Gaussian goes, as bits."""

    WEAK = 1
    """Next to nothing of it is seen in any view; in a file, its opacity is next to nothing."""
    ALONE = 2
    """It touches nothing, or a few others that touch nothing else."""
    NEAR = 4
    """It lies right before a camera and is seen by hardly another."""
    FEW = 8
    """Many views look there, and practically one sees it."""
    NEEDLE = 16
    """It is many times longer than wide."""
    OUTSIDE = 32
    """No view looks there; or it lies far out and hardly shows."""


NEED_CAMERAS = Reason.NEAR | Reason.FEW
"""Reasons that cannot be found without the cameras of a capture."""

WORDS = {
    Reason.WEAK: "weak",
    Reason.ALONE: "alone",
    Reason.NEAR: "near",
    Reason.FEW: "few",
    Reason.NEEDLE: "needle",
    Reason.OUTSIDE: "outside",
}
"""Reasons by the word that a user gives for them."""

SENTENCES = {
    Reason.WEAK: "hardly seen anywhere",
    Reason.ALONE: "alone in space",
    Reason.NEAR: "right before a camera",
    Reason.FEW: "seen by one of many views",
    Reason.NEEDLE: "needle-shaped",
    Reason.OUTSIDE: "outside the capture",
}
"""Reasons in the words of a summary."""


def count_by_reason(reasons: np.ndarray) -> dict[Reason, int]:
    """Return the number of Gaussians of each reason that occurs; one with several reasons counts for each."""
    counts = {reason: int(np.count_nonzero(reasons & reason)) for reason in WORDS}
    return {reason: count for reason, count in counts.items() if count}


def describe_reasons(reasons: np.ndarray) -> tuple[str, ...]:
    """Return a line for each reason that occurs: "1,204 hardly seen anywhere"."""
    return tuple(f"{count:,} {SENTENCES[reason]}" for reason, count in count_by_reason(reasons).items())


def all_reasons() -> Reason:
    """Return every reason."""
    return Reason(sum(WORDS))


def reasons_of_words(words: Sequence[str]) -> Reason:
    """Return the reasons that words name, every reason for none. Raises KeyError for another word."""
    named = {word: reason for reason, word in WORDS.items()}
    return Reason(sum({named[word] for word in words})) if words else all_reasons()
