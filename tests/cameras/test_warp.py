"""Pictures fetched from where a map says, against the same by plain arithmetic."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from splatseg import _native
from splatseg.cameras.warp import STEPS, Warp

SIZE, OLD = (53, 41), (60, 50)


def bent(points: np.ndarray) -> np.ndarray:
    """Places beside the old picture, too."""
    x, y = points.T
    return np.stack([1.15 * x + 0.002 * y * y - 2.0, 1.2 * y + 0.001 * x * x - 1.5], axis=1)


def centres(size: tuple[int, int]) -> np.ndarray:
    x, y = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    return np.stack([x.ravel(), y.ravel()], axis=1)


def means(old: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Means (P,C) of the four pixels around each place, and whether it lies in the picture."""
    height, width = old.shape[:2]
    inside = (places >= 0).all(axis=1) & (places < [width, height]).all(axis=1)
    from_centre = np.maximum(np.where(inside[:, None], places, 0.0) - 0.5, 0.0)
    first = from_centre.astype(int)
    second = np.minimum(first + 1, [width - 1, height - 1])
    share = from_centre - first
    (x0, y0), (x1, y1), (a, b) = first.T, second.T, share.T[:, :, None]
    found = (old[y0, x0] * (1 - a) + old[y0, x1] * a) * (1 - b) + (old[y1, x0] * (1 - a) + old[y1, x1] * a) * b
    return np.where(inside[:, None], found, 0.0), inside


@pytest.mark.parametrize(("kind", "off"), [("uint8", 3.0), ("float32", 1e-3)])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_a_picture_is_the_mean_of_four_pixels_at_each_place(kind: str, off: float, channels: int) -> None:
    old = np.random.default_rng(0).integers(0, 256, (OLD[1], OLD[0], channels)).astype(kind)
    warp = Warp.of(bent, SIZE, OLD)
    # The places as the cells interpolate them.
    exact, inside = means(old.astype(np.float64), _places(warp))
    got = warp.picture(old).reshape(-1, channels)
    np.testing.assert_array_equal(warp.inside.ravel(), inside)
    assert np.abs(got - exact).max() <= off
    assert inside.any() and not inside.all()


def _places(warp: Warp) -> np.ndarray:
    if warp.step == 0:
        return warp.places.reshape(-1, 2).astype(np.float64)
    x, y = (centres(warp.size) / warp.step).T
    i, j = x.astype(int), y.astype(int)
    a, b = (x - i)[:, None], (y - j)[:, None]
    p = warp.places.astype(np.float64)
    upper, lower = p[j, i] * (1 - a) + p[j, i + 1] * a, p[j + 1, i] * (1 - a) + p[j + 1, i + 1] * a
    return upper * (1 - b) + lower * b


@pytest.mark.parametrize("function", [bent, lambda p: p - 2.5, lambda p: p[:, ::-1] * 0.9, lambda p: p % 20.0])
def test_cells_are_so_small_that_places_are_exact(function: Callable[[np.ndarray], np.ndarray]) -> None:
    warp = Warp.of(function, SIZE, OLD)
    assert warp.step in (*STEPS, 0)
    assert np.abs(_places(warp) - function(centres(SIZE))).max() < 0.03


def test_a_map_that_is_straight_takes_the_largest_cells() -> None:
    assert Warp.of(lambda p: p * 0.5, (640, 480), (320, 240)).step == STEPS[0]


def test_a_cubic_is_exact_for_what_is_quadratic() -> None:
    def height(points: np.ndarray) -> np.ndarray:
        x, y = points.T / 20.0
        return 1.0 + x - 2.0 * y + x * y - 0.5 * x * x + y * y

    warp = Warp.of(bent, SIZE, OLD)
    old = height(centres(OLD)).reshape(OLD[1], OLD[0]).astype(np.float32)
    got, places = warp.cubic(old).ravel(), _places(warp)
    # Two pixels from the border all sixteen are in the picture.
    far = ((places > 2.0) & (places < np.array(OLD) - 2.0)).all(axis=1)
    assert far.sum() > 1000 and np.abs(got - height(places))[far].max() < 5e-5
    assert not got[~warp.inside.ravel()].any()
    assert np.abs(warp.picture(old).ravel() - height(places))[far].max() > 5e-4
    flat = warp.cubic(np.full((OLD[1], OLD[0]), 0.7, np.float32))
    np.testing.assert_allclose(flat[warp.inside], 0.7, atol=1e-6)


@pytest.mark.parametrize("count", [2, 3, 70000])
def test_a_label_is_the_one_with_the_largest_share_of_the_mean(count: int) -> None:
    ids = np.random.default_rng(1).integers(0, count, (OLD[1], OLD[0])).astype(np.int32)
    warp = Warp.of(bent, SIZE, OLD)
    got = warp.labels(ids, -7).ravel()
    np.testing.assert_array_equal(got == -7, ~warp.inside.ravel())
    # Shares of every id, by the means of pictures that are 1 where it is: the id taken has the largest of all.
    places, inside = _places(warp), warp.inside.ravel()
    own, most = np.zeros(len(got)), np.zeros(len(got))
    for number in np.unique(ids):
        share = means((ids == number)[:, :, None].astype(float), places)[0][:, 0]
        own, most = np.where(got == number, share, own), np.maximum(most, share)
    np.testing.assert_allclose(own[inside], most[inside], atol=1e-3)
    taken = warp.labels(ids > count // 2, nothing=True)
    assert taken.dtype == bool and taken[~warp.inside].all() and not taken.all()


def test_an_edge_of_labels_lies_where_the_edge_of_a_mean_does() -> None:
    """Magnified four times, a slanted edge of labels is as straight as a mean that is cut at one half."""
    x, y = np.meshgrid(np.arange(40), np.arange(30))
    side = 3 * x + 2 * y > 90
    fine = Warp.of(lambda points: points / 4.0, (160, 120), (40, 30))
    share = fine.picture(side.astype(np.float32))
    decided = np.abs(share - 0.5) > 1e-6
    np.testing.assert_array_equal(fine.labels(side)[decided], share[decided] > 0.5)
    assert (fine.nearest(side) != (share > 0.5))[decided].sum() > 20


def test_the_nearest_value_is_that_of_the_pixel_under_the_place() -> None:
    old = np.random.default_rng(1).uniform(1.0, 2.0, (OLD[1], OLD[0])).astype(np.float32)
    warp = Warp.of(bent, SIZE, OLD)
    x, y = _places(warp).astype(np.float32).T
    expected = np.where(warp.inside.ravel(), old[y.astype(int).clip(0, 49), x.astype(int).clip(0, 59)], 0.0)
    assert (warp.fetched(old, "nearest").ravel() == expected).mean() > 0.999


def test_labels_that_int32_cannot_hold_are_refused() -> None:
    with pytest.raises(TypeError, match="safe"):
        Warp.of(bent, SIZE, OLD).labels(np.zeros((OLD[1], OLD[0]), np.int64))


def test_an_identity_changes_no_byte() -> None:
    old = np.random.default_rng(2).integers(0, 256, (50, 60, 3)).astype(np.uint8)
    same = Warp.of(lambda p: p, OLD, OLD)
    np.testing.assert_array_equal(same.picture(old), old)
    np.testing.assert_array_equal(same.labels(old[:, :, 0]), old[:, :, 0])
    assert same.inside.all()


def test_a_place_that_is_unknown_has_no_pixel_and_its_neighbours_have() -> None:
    def known_left(points: np.ndarray) -> np.ndarray:
        return np.where(points[:, :1] <= 32.0, points, np.nan)

    warp = Warp.of(known_left, (64, 64), (64, 64))
    old = np.full((64, 64, 3), 200, np.uint8)
    np.testing.assert_array_equal(warp.picture(old)[:, :, 0] > 0, warp.inside)
    inside = warp.inside
    assert inside[:, :32].all() and not inside[:, 50:].any()


@pytest.mark.parametrize("threads", [1, 2, 5])
def test_any_number_of_threads_gives_the_same_bytes(threads: int) -> None:
    warp, old = Warp.of(bent, SIZE, OLD), np.random.default_rng(3).integers(0, 256, (50, 60, 3)).astype(np.uint8)
    found = np.empty((SIZE[1], SIZE[0], 3), np.uint8)
    _native.warp_bytes(warp.places, warp.step, old, found, threads)
    np.testing.assert_array_equal(found, warp.picture(old))


def test_pictures_of_one_pixel_and_of_one_row_are_fetched_too() -> None:
    for size in ((1, 1), (5, 1), (1, 7)):
        old = np.random.default_rng(4).integers(0, 256, (size[1], size[0], 3)).astype(np.uint8)
        np.testing.assert_array_equal(Warp.of(lambda p: p, size, size).picture(old), old)


def test_what_lies_beside_takes_the_nearest_pixel_that_does_not() -> None:
    warp = Warp.of(lambda p: p - [4.0, 0.0], (12, 5), (6, 5))
    old = np.arange(30, dtype=np.uint8).reshape(5, 6)
    found = warp.extended(warp.labels(old))
    np.testing.assert_array_equal(found[:, 4:10], old)
    np.testing.assert_array_equal(found[:, :4], np.repeat(old[:, :1], 4, axis=1))
    np.testing.assert_array_equal(found[:, 10:], np.repeat(old[:, -1:], 2, axis=1))
    colours = warp.extended(warp.picture(np.stack([old, old + 50, old + 100], axis=2)))
    np.testing.assert_array_equal(colours[:, 0], np.stack([old[:, 0], old[:, 0] + 50, old[:, 0] + 100], axis=1))
    nowhere = Warp.of(lambda p: np.full_like(p, np.nan), (4, 4), (6, 5))
    assert not nowhere.extended(nowhere.labels(old)).any()
