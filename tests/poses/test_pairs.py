"""Pairs that are matched: all, those of a film, those that look alike."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from splatseg.poses.pairs import NEXT, alike_pairs, all_pairs, chosen_pairs, film_pairs, looks


@given(st.integers(0, 40))
def test_all_pairs_are_all(count: int) -> None:
    assert len(set(all_pairs(count))) == count * (count - 1) // 2


@given(st.integers(0, 80))
def test_a_film_is_matched_with_its_next_frames_and_with_powers_of_two(count: int) -> None:
    pairs = set(film_pairs(count))
    assert all(0 <= i < j < count for i, j in pairs)
    assert all((i, i + 1) in pairs for i in range(count - 1))
    assert all(j - i <= NEXT or (j - i) & (j - i - 1) == 0 for i, j in pairs)


def _places(seed: int, places: int, each: int) -> list[np.ndarray]:
    """Descriptors of photographs of several places: those of one place share most of theirs."""
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(places):
        own = rng.integers(0, 256, (200, 128))
        for _ in range(each):
            seen = own[rng.permutation(200)[:150]] + rng.integers(-6, 7, (150, 128))
            other = rng.integers(0, 256, (50, 128))
            found.append(np.concatenate([seen, other]).clip(0, 255).astype(np.uint8))
    return found


def test_photographs_of_one_place_look_alike() -> None:
    pairs = alike_pairs(_places(0, places=6, each=4), most=3)
    right = sum(i // 4 == j // 4 for i, j in pairs)
    assert right >= 0.9 * 6 * 6 and right / len(pairs) > 0.8


def test_looks_are_unit_vectors_and_a_photograph_without_features_looks_like_none() -> None:
    rows = looks([*_places(1, 2, 2), np.zeros((0, 128), np.uint8)])
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), [1, 1, 1, 1, 0], atol=1e-5)
    np.testing.assert_array_equal(rows, looks([*_places(1, 2, 2), np.zeros((0, 128), np.uint8)]))
    assert looks([np.zeros((0, 128), np.uint8)] * 2).shape[0] == 2


def test_loops_of_a_film_are_closed_by_looks() -> None:
    places = _places(2, places=15, each=2)
    film = [places[2 * i] for i in range(15)] + [places[2 * i + 1] for i in range(15)]  # the way is walked twice
    pairs = chosen_pairs("sequential", len(film), lambda: film)
    assert sum((i, i + 15) in pairs for i in range(15)) >= 13
    assert chosen_pairs("exhaustive", 4, lambda: []) == all_pairs(4)
