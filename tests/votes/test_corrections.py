"""Many sets are corrected as each would be alone, and equal ones once."""

from __future__ import annotations

from collections import Counter

import numpy as np
from scipy import sparse

from splatseg.votes.agreement import Agreement
from splatseg.votes.corrections import Corrections, distinct
from splatseg.votes.tallies import Tally
from splatseg.votes.votes import Votes

THINGS = np.repeat(np.arange(4), 50)
"""The thing of every Gaussian; every view shows each as one mask, but for some noise."""


class Counted(Agreement):
    """An agreement that counts passes over the votes, by their names."""

    def __init__(self, votes: Votes) -> None:
        self.passes: Counter[str] = Counter()
        super().__init__(votes)
        self.passes.clear()

    def tallies_of(self, groups: np.ndarray, count: int, first: int = 0) -> list[Tally]:
        self.passes["tallies"] += 1
        return super().tallies_of(groups, count, first)

    def follow_majority(self, members: np.ndarray, tally: Tally) -> np.ndarray:
        self.passes["majority"] += 1
        return super().follow_majority(members, tally)

    def follow_matches(self, members: np.ndarray, tally: Tally) -> np.ndarray:
        self.passes["matches"] += 1
        return super().follow_matches(members, tally)


def noisy(noise: float) -> Votes:
    rng, views = np.random.default_rng(0), 5
    shown = np.where(rng.random((views, len(THINGS))) < noise, rng.integers(0, 4, (views, len(THINGS))), THINGS)
    weights = np.concatenate([(of_view[:, None] == np.arange(4)) * 10.0 for of_view in shown], axis=1)
    view_of = np.repeat(np.arange(views, dtype=np.int32), 4)
    ones, names = np.ones(len(view_of), dtype=np.int32), tuple(f"{view}.png" for view in range(views))
    weights *= rng.random(weights.shape)
    seen = weights.sum(1).astype(np.float32)
    kept = sparse.csr_array(weights.astype(np.float32))
    return Votes(kept, view_of, ones, ones.astype(np.int64), seen, names, np.zeros_like(ones))


def sets(count: int) -> list[np.ndarray]:
    rng = np.random.default_rng(1)
    return [(rng.random(len(THINGS)) < 0.1) ^ (number % 4 == THINGS) for number in range(count)]


def test_many_sets_are_corrected_and_supported_as_each_is_alone():
    for noise in (0.1, 0.6):
        agreement = Agreement(noisy(noise))
        corrections, some = Corrections(agreement), [*sets(6), *sets(6)[2:4], np.zeros(len(THINGS), dtype=bool)]
        for members in some:
            np.testing.assert_array_equal(corrections.by_majority(members), agreement.by_majority(members))
            np.testing.assert_array_equal(corrections.by_matches(members), agreement.by_matches(members))
            assert corrections.support(members) == agreement.support(members)


def test_equal_sets_are_summed_and_corrected_once():
    counted = Counted(noisy(0.6))
    corrections, members = Corrections(counted), sets(1)[0]

    def ask(members: np.ndarray) -> None:
        corrections.by_majority(members)
        corrections.by_matches(members)
        corrections.support(members)

    ask(members)
    asked = dict(counted.passes)
    assert 0 < asked["tallies"] <= asked["majority"] + asked["matches"] - 1, "both begin with the same sums"
    ask(members.copy())
    assert dict(counted.passes) == asked


def test_sets_that_become_equal_go_on_together():
    counted = Counted(noisy(0.1))
    corrections, some = Corrections(counted), [THINGS == 2, *(sets(3)[2] ^ one for one in np.eye(3, len(THINGS)) > 0)]
    found = [corrections.by_majority(members) for members in some]
    assert all((one == (THINGS == 2)).all() for one in found), "all must become the thing, or nothing is shared"
    assert counted.passes == {"tallies": len(some), "majority": len(some)}


def test_different_sets_are_found_in_their_order():
    one, other = sets(2)
    assert distinct([one, other, one.copy(), other, one]) == ([0, 1], [0, 1, 0, 1, 0])
    assert distinct([]) == ([], [])
