"""Heights of contacts are those at which superpixels join in the trees."""

from __future__ import annotations

import numpy as np
import pytest
from trees_by_chance import borders_of, heights_by_pairs, trees_by_chance

from splatseg.borders.contacts import Contacts, contacts_of
from splatseg.borders.join_heights import gaps_of


@pytest.mark.parametrize("count", [1, 2, 3, 8, 17, 40])
def test_the_greatest_gap_between_two_places_is_the_height_at_which_they_join(count: int) -> None:
    trees = trees_by_chance(np.random.default_rng(count), count)
    places, gaps = gaps_of(trees)
    for tree, heights in enumerate(heights_by_pairs(trees)):
        assert sorted(places[tree]) == list(range(count))
        for r in range(count):
            for s in range(count):
                low, high = sorted((places[tree, r], places[tree, s]))
                assert heights[r, s] == pytest.approx(gaps[tree, 0, low:high].max(initial=0.0))


def test_a_contact_has_the_mean_of_the_views_that_see_both_ends() -> None:
    rng = np.random.default_rng(0)
    trees = [trees_by_chance(rng, count) for count in (9, 14, 5)]
    tables = [np.where(rng.uniform(size=(30, t.count)) < 0.2, rng.uniform(0.1, 4, (30, t.count)), 0) for t in trees]
    rows, cols = rng.integers(0, 30, (2, 80))
    keep = rows != cols
    found = contacts_of(borders_of(tables, trees), (rows[keep].astype(np.int32), cols[keep].astype(np.int32)))
    assert len(np.unique(found.ends, axis=0)) == len(found.ends) and (found.ends[:, 0] < found.ends[:, 1]).all()
    for (a, b), height, weight in zip(found.ends, found.heights, found.weights, strict=True):
        terms = []
        for table, of_view in zip(tables, trees, strict=True):
            if table[a].any() and table[b].any():
                joint = heights_by_pairs(of_view)[:, table[a].argmax(), table[b].argmax()].mean()
                terms.append((min(table[a].sum(), table[b].sum()), joint))
        assert weight == pytest.approx(sum(w for w, _ in terms), rel=1e-5)
        assert height == pytest.approx(sum(w * h for w, h in terms), rel=1e-5, abs=1e-6)


def test_contacts_of_sets_are_those_of_their_members_added_up() -> None:
    ends = np.array([[0, 1], [0, 2], [1, 2], [2, 3]], np.int32)
    contacts = Contacts(ends, np.array([1.0, 2.0, 4.0, 8.0]), np.array([1.0, 3.0, 5.0, 9.0]))
    joined = contacts.joined(np.array([1, 1, 0, -1]))
    assert joined.ends.tolist() == [[0, 1]], "what is inside a set or in none is left out"
    assert joined.heights.tolist() == [6.0] and joined.weights.tolist() == [8.0]
