"""Colours of segments: clear between those that touch, kept by place."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from splatseg.oklab import oklab_of, srgb_of
from splatseg.segments.colors import (
    CLEARLY_DIFFERENT,
    NEARLY_SAME,
    Frame,
    choose_colors,
    colors_by_place,
    difference,
    kept_colors,
)

FRAME = Frame((0.0, 0.0, 0.0), 1.0)
ONE = (200, 80, 90)


def apart(one: tuple[int, int, int], other: tuple[int, int, int]) -> float:
    return float(difference(np.array(one), np.array(other)))


def balls(centres: np.ndarray, each: int = 200, size: float = 0.05, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    means = np.repeat(centres, each, axis=0) + size * rng.normal(size=(len(centres) * each, 3))
    return means, np.repeat(np.arange(1, len(centres) + 1), each).astype(np.int32)


graphs = st.integers(2, 40).flatmap(
    lambda count: st.tuples(
        st.just(count), st.sets(st.tuples(st.integers(1, count), st.integers(1, count)), max_size=4 * count)
    )
)


@given(graphs, st.integers(0, 1000))
@settings(max_examples=60, deadline=None)
def test_neighbours_never_share_nearly_the_same_colour(graph: tuple[int, set[tuple[int, int]]], seed: int) -> None:
    count, pairs = graph
    rng = np.random.default_rng(seed)
    # Half of them begin with one and the same colour, the worst case.
    places = {
        i: ONE if rng.random() < 0.5 else srgb_of(rng.uniform(0.56, 0.82), 0.14, rng.uniform(0, 6.3))
        for i in range(1, count + 1)
    }
    colors = choose_colors(places, pairs)
    assert list(colors) == list(places)
    degree = {i: len({a + b - i for a, b in pairs if i in (a, b)} - {i}) for i in places}
    for one, other in pairs:
        if one != other:
            assert apart(colors[one], colors[other]) > (
                CLEARLY_DIFFERENT - 1e-9 if max(degree[one], degree[other]) <= 6 else 0.04
            )


def test_a_segment_that_touches_nothing_alike_keeps_the_colour_of_its_place() -> None:
    places = {1: (200, 80, 90), 2: (60, 120, 200), 3: (200, 80, 91)}
    assert choose_colors(places, [(1, 2), (2, 3)]) == places
    assert choose_colors(places, []) == places


def test_the_colour_that_must_change_is_that_of_the_later_one_and_changes_little() -> None:
    places = {1: ONE, 2: ONE}
    colors = choose_colors(places, [(1, 2)])
    assert colors[1] == ONE
    assert CLEARLY_DIFFERENT <= apart(ONE, colors[2]) < 1.35 * CLEARLY_DIFFERENT


def test_forty_segments_that_all_touch_each_other_are_still_told_apart() -> None:
    ids = range(1, 41)
    colors = choose_colors(dict.fromkeys(ids, ONE), itertools.combinations(ids, 2))
    gaps = [apart(colors[a], colors[b]) for a, b in itertools.combinations(ids, 2)]
    assert min(gaps) > 0.025
    assert len(set(colors.values())) == 40


def test_kept_colours_stay_and_others_give_way_to_them() -> None:
    places = {1: (60, 120, 200), 2: (60, 120, 200)}
    colors = choose_colors(places, [(1, 2)], kept={2: (61, 121, 200)})
    assert colors[2] == (61, 121, 200)
    assert apart(colors[1], colors[2]) >= CLEARLY_DIFFERENT


def test_a_kept_colour_is_given_up_only_by_the_smaller_of_two_that_newly_touch_and_look_the_same() -> None:
    places = {5: ONE, 2: ONE, 9: ONE}  # the largest first
    before = {5: ONE, 2: (200, 80, 95), 9: (60, 120, 200)}
    assert apart(before[5], before[2]) < NEARLY_SAME
    assert kept_colors(places, [(2, 5), (5, 9)], before, []) == {5: before[5], 9: before[9]}
    assert kept_colors(places, [(2, 5), (5, 9)], before, [(2, 5)]) == before
    assert kept_colors(places, [], before | {77: ONE}, []) == before


@given(st.integers(0, 1000))
@settings(max_examples=20, deadline=None)
def test_another_fit_of_the_same_place_gives_nearly_the_same_colour(seed: int) -> None:
    rng = np.random.default_rng(seed)
    centres = rng.uniform(-0.6, 0.6, (6, 3))
    one, other = (colors_by_place(*balls(centres, seed=fit), FRAME) for fit in (seed, seed + 1))
    assert all(apart(one[i], other[i]) < 0.08 for i in one)
    assert np.median([apart(one[i], other[i]) for i in one]) < 0.03


def test_colours_depend_on_the_place_and_not_on_ids_or_size() -> None:
    centres = np.array([[0.1, 0.2, 0.0], [-0.4, 0.3, 0.1], [0.3, -0.3, 0.2]])
    means, ids = balls(centres)
    colors = colors_by_place(means, ids, FRAME)
    renamed = colors_by_place(means, np.array([0, 70, 5, 31])[ids], FRAME)
    assert [renamed[i] for i in (70, 5, 31)] == [colors[i] for i in (1, 2, 3)]
    assert len(set(colors.values())) == 3


@pytest.mark.parametrize("scale", [1e-3, 50.0])
def test_the_unit_of_the_world_does_not_matter(scale: float) -> None:
    rng = np.random.default_rng(0)
    positions, shift = rng.normal(size=(20, 3)), np.array([3.0, -2.0, 8.0])
    means, ids = balls(rng.uniform(-0.5, 0.5, (5, 3)))
    here = colors_by_place(means, ids, Frame.of(positions))
    there = colors_by_place(scale * means + shift, ids, Frame.of(scale * positions + shift))
    assert all(apart(here[i], there[i]) < 0.01 for i in here)


def test_the_largest_segment_chooses_first() -> None:
    means, ids = balls(np.zeros((3, 3)))
    assert list(colors_by_place(means, np.where(ids == 1, 3, ids), FRAME)) == [3, 2]


def test_places_without_numbers_and_cameras_without_a_distance_are_no_danger() -> None:
    means, ids = balls(np.zeros((2, 3)))
    means[ids == 2] = np.inf
    assert set(colors_by_place(means, ids, FRAME)) == {1, 2}
    assert colors_by_place(np.zeros((0, 3)), np.zeros(0, np.int32), FRAME) == {}
    assert Frame.of(np.zeros((0, 3))).unit == Frame.of(np.ones((4, 3))).unit == 1.0
    far = colors_by_place(means * 1e12, ids, FRAME)
    assert all(0 <= channel <= 255 for color in far.values() for channel in color)


def test_colours_are_neither_black_nor_white_nor_grey() -> None:
    means, ids = balls(np.random.default_rng(0).uniform(-3, 3, (300, 3)), each=5)
    lab = oklab_of(np.array(list(colors_by_place(means, ids, FRAME).values())))
    assert lab[:, 0].min() > 0.5 and lab[:, 0].max() < 0.9
    assert np.hypot(lab[:, 1], lab[:, 2]).min() > 0.06


@given(st.floats(0.56, 0.82), st.floats(0, 0.08), st.floats(0, 6.28))
def test_oklab_comes_back_from_srgb(lightness: float, chroma: float, hue: float) -> None:
    lab = oklab_of(np.array(srgb_of(lightness, chroma, hue)))
    assert np.abs(lab - (lightness, chroma * np.cos(hue), chroma * np.sin(hue))).max() < 0.005


def test_white_and_black_are_where_they_should_be() -> None:
    np.testing.assert_allclose(oklab_of(np.array([[255, 255, 255], [0, 0, 0]])), [[1, 0, 0], [0, 0, 0]], atol=1e-6)
