"""Segments: label maps and overlapping masks come back as they went in."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from splatseg.masks.formats.read import read_segments
from splatseg.masks.segments import Segments, from_label_map, from_masks, from_packed

sizes = st.tuples(st.integers(1, 12), st.integers(1, 13))
mask_stacks = st.tuples(st.integers(0, 9), sizes).flatmap(lambda s: arrays(bool, (s[0], *s[1])))
label_maps = sizes.flatmap(
    lambda s: arrays(np.int64, s, elements=st.sampled_from([-1, 0, 1, 2, 7, 300, 70_000, 2**40]))
)


def check_invariants(segments: Segments) -> None:
    ids = [set(np.unique(layer)) - {0} for layer in segments.layers]
    assert sorted(i for layer in ids for i in layer) == list(range(1, segments.count + 1))
    assert (segments.areas() > 0).all() and segments.scores.shape == (segments.count,)


@given(mask_stacks)
@settings(max_examples=100, deadline=None)
def test_overlapping_masks_come_back_in_order_and_empty_ones_are_dropped(masks: np.ndarray) -> None:
    segments = from_masks(masks, np.arange(len(masks)))
    check_invariants(segments)
    kept = [m for m in range(len(masks)) if masks[m].any()]
    assert segments.scores.tolist() == kept
    for segment_id, m in enumerate(kept, 1):
        np.testing.assert_array_equal(segments.mask(segment_id), masks[m])
    np.testing.assert_array_equal(segments.areas(), masks[kept].sum(axis=(1, 2)))


@given(label_maps)
@settings(max_examples=100, deadline=None)
def test_any_integers_become_ids_in_order(label_map: np.ndarray) -> None:
    segments = from_label_map(label_map)
    check_invariants(segments)
    values = [value for value in np.unique(label_map) if value > 0]
    assert segments.count == len(values)
    for segment_id, value in enumerate(values, 1):
        np.testing.assert_array_equal(segments.mask(segment_id), label_map == value)
    np.testing.assert_array_equal(segments.flattened(), segments.layers[0])


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int8, np.uint16, np.int32, np.uint32, np.uint64])
def test_label_maps_of_every_integer_type_are_taken(dtype: type) -> None:
    assert from_label_map(np.eye(4).astype(dtype)).areas().tolist() == [4]


def test_a_label_map_of_fractions_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="integers, got float64"):
        from_label_map(np.zeros((2, 2)))


def test_nested_masks_need_as_many_layers_as_they_are_deep() -> None:
    masks = np.zeros((7, 16, 16), bool)
    masks[0] = True
    masks[1, :8], masks[2, 8:] = True, True
    masks[3, :8, :8], masks[4, :8, 8:], masks[5, 8:, :8], masks[6, 8:, 8:] = True, True, True, True
    for order in (slice(None), slice(None, None, -1)):
        assert len(from_masks(masks[order]).layers) == 3


def test_many_crossing_masks_get_all_the_layers_they_need() -> None:
    masks = np.zeros((20, 20, 20), bool)
    for m in range(20):
        masks[m, m], masks[m, :, m] = True, True  # crosses: each overlaps every other
    segments = from_masks(masks)
    assert len(segments.layers) == 20
    check_invariants(segments)


def test_flattened_shows_the_smallest_on_top() -> None:
    masks = np.zeros((3, 6, 6), bool)
    masks[0, 2:4, 2:4], masks[1], masks[2, 1:5, 1:5] = True, True, True
    flat = from_masks(masks).flattened()
    assert flat[0, 0] == 2 and flat[1, 1] == 3 and flat[2, 2] == 1
    assert flat.dtype == np.int32


def test_bits_beyond_the_last_pixel_do_not_count() -> None:
    packed = np.full((1, 2), 0xFF, np.uint8)
    assert from_packed(packed, 3, 3).areas().tolist() == [9]


def test_no_masks_are_no_segments() -> None:
    segments = from_masks(np.zeros((0, 4, 5), bool))
    assert segments.count == 0 and (segments.width, segments.height) == (5, 4)
    assert not segments.flattened().any() and segments.areas().shape == (0,)
    assert segments.resized(10, 8).count == 0


@given(label_maps, st.integers(1, 4))
@settings(max_examples=50, deadline=None)
def test_enlarging_by_a_whole_factor_repeats_pixels(label_map: np.ndarray, factor: int) -> None:
    segments = from_label_map(label_map)
    large = segments.resized(segments.width * factor, segments.height * factor)
    np.testing.assert_array_equal(large.layers[0], segments.layers[0].repeat(factor, 0).repeat(factor, 1))


def test_shrinking_takes_the_pixel_under_the_new_centre_and_drops_what_vanishes() -> None:
    label_map = np.arange(1, 10).reshape(1, 9)
    segments = from_label_map(label_map).resized(3, 1)
    assert segments.count == 3 and segments.layers[0].tolist() == [[1, 2, 3]]
    masks = np.stack([label_map == 2, label_map == 1, label_map >= 8, label_map < 7])
    small = from_masks(masks, np.arange(4)).resized(3, 1)
    check_invariants(small)
    assert small.scores.tolist() == [0, 2, 3]


def test_ids_that_do_not_exist_are_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match=r"ids are 1\.\.1, got 0"):
        from_label_map(np.ones((2, 2), int)).mask(0)


def test_250_overlapping_masks_lose_nothing_in_layers() -> None:
    rng = np.random.default_rng(0)
    masks = np.zeros((250, 480, 640), bool)
    for mask in masks:
        y, x, h, w = rng.integers(0, 440), rng.integers(0, 600), rng.integers(5, 200), rng.integers(5, 200)
        mask[y : y + h, x : x + w] = True
    segments = from_masks(masks)
    assert segments.count == 250


def test_ids_beyond_16_bits_are_read_exactly(tmp_path: Path) -> None:
    labels = np.arange(300 * 250, dtype=np.int64).reshape(300, 250)
    np.save(tmp_path / "a.npy", labels)
    found = read_segments(tmp_path / "a.npy")
    assert found.count == 74_999
    np.testing.assert_array_equal(found.layers[0], labels)
    np.save(tmp_path / "b.npy", np.where(labels > 70_000, labels + (1 << 33), 0))
    assert read_segments(tmp_path / "b.npy").count == 4_999


def test_a_view_of_3000_masks_is_read_in_seconds(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    height, width = 240, 320
    rows, columns = np.ogrid[:height, :width]
    packed = np.stack(
        [
            np.packbits((columns - rng.integers(width)) ** 2 + (rows - rng.integers(height)) ** 2 < radius**2)
            for radius in rng.integers(3, 30, 3000)
        ]
    )
    np.savez(tmp_path / "a.npz", packed=packed, shape=[3000, height, width])
    began = time.process_time()
    found = read_segments(tmp_path / "a.npz")
    assert time.process_time() - began < 20
    assert found.count == 3000
    areas = np.bitwise_count(packed).sum(1)
    np.testing.assert_array_equal(found.areas(), areas)


def test_masks_that_lie_on_one_another_deeper_than_memory_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    shells = np.tri(30, dtype=bool)[:, None].repeat(20, axis=1)
    assert len(from_masks(shells).layers) == 30
    monkeypatch.setattr("splatseg.masks.segments.MAX_BYTES", 4 * 20 * 30 * 12)
    with pytest.raises(ValueError, match="over 12 of its 30 masks lie on one another; leave out"):
        from_masks(shells)
