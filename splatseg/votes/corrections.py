"""Corrections and supports of many sets of Gaussians that are asked about at once, as the candidates of a prompt are.

Candidates are often equal, or become equal as they are corrected: each set is summed once, and each round of a
correction is made once for each set that it begins with. The results are those of `Agreement`, to the bit.

Alphabet: N Gaussians; T sets; U different ones among them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from splatseg.votes.agreement import Agreement, settled
from splatseg.votes.tallies import Tally


class Corrections:
    """The corrections and supports of sets of the Gaussians of one `Agreement`.

    What was found is kept for as long as this object is: up to 3 N bytes for each different set, and the set's tallies.
    """

    def __init__(self, agreement: Agreement) -> None:
        self._agreement = agreement
        self._tallies: dict[bytes, Tally] = {}
        self._by_majority: dict[bytes, np.ndarray] = {}
        self._by_matches: dict[bytes, np.ndarray] = {}

    def by_majority(self, members: np.ndarray) -> np.ndarray:
        """Return the set (N,) bool that `Agreement.by_majority` returns; not to be written to."""
        return settled(self._follow_majority, members)

    def by_matches(self, members: np.ndarray) -> np.ndarray:
        """Return the set (N,) bool that `Agreement.by_matches` returns; not to be written to."""
        return settled(self._follow_matches, members)

    def support(self, members: np.ndarray) -> float:
        """Return the support in 0..1 of a set, members (N,) bool."""
        return self._agreement.support_of(self._tallied(members, _key(members)))

    def _follow_majority(self, members: np.ndarray) -> np.ndarray:
        key = _key(members)
        if key not in self._by_majority:
            self._by_majority[key] = self._agreement.follow_majority(members, self._tallied(members, key))
        return self._by_majority[key]

    def _follow_matches(self, members: np.ndarray) -> np.ndarray:
        key = _key(members)
        if key not in self._by_matches:
            self._by_matches[key] = self._agreement.follow_matches(members, self._tallied(members, key))
        return self._by_matches[key]

    def _tallied(self, members: np.ndarray, key: bytes) -> Tally:
        if key not in self._tallies:
            self._tallies[key] = self._agreement.tallies(members)
        return self._tallies[key]


def distinct(sets: Sequence[np.ndarray]) -> tuple[list[int], list[int]]:
    """Return where each of the U different sets among T, (N,) bool, is first, and which of them each of the T is."""
    firsts: list[int] = []
    numbers: dict[bytes, int] = {}
    which = []
    for place, members in enumerate(sets):
        number = numbers.setdefault(_key(members), len(firsts))
        if number == len(firsts):
            firsts.append(place)
        which.append(number)
    return firsts, which


def _key(members: np.ndarray) -> bytes:
    return np.packbits(members).tobytes()
