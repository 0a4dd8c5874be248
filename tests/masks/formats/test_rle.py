"""COCO run lengths against an encoder written from the format's description."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rle_writer import compressed, run_lengths

from splatseg.masks.formats.rle import (
    area_of_runs,
    box_of_runs,
    compressed_counts,
    decode_rle,
    packed_of_runs,
    runs_of_mask,
    shared_pixels,
    spans_of_runs,
)

masks = st.tuples(st.integers(1, 20), st.integers(1, 20)).flatmap(lambda s: arrays(bool, s))


@given(masks)
@settings(max_examples=100, deadline=None)
def test_masks_come_back_from_plain_and_compressed_counts(mask: np.ndarray) -> None:
    counts = run_lengths(mask)
    for written in (counts, compressed(counts), compressed(counts).encode()):
        np.testing.assert_array_equal(decode_rle(written, *mask.shape), mask)


def test_large_runs_and_differences_of_both_signs_survive_compression() -> None:
    mask = np.zeros((1000, 700), bool)
    mask[10:990, 5:600] = True
    mask[500:501, 100] = False
    np.testing.assert_array_equal(decode_rle(compressed(run_lengths(mask)), 1000, 700), mask)


def test_a_string_known_from_the_coco_api() -> None:
    # 2x2 with the second column set: runs 2, 2.
    np.testing.assert_array_equal(decode_rle("22", 2, 2), [[False, True], [False, True]])


@pytest.mark.parametrize("counts", [[], [3], [5], [-1, 5], [2, 2**40], "", "2", "2R", "2\x7f", "0" * 3, [[1, 3]]])
def test_counts_that_do_not_fill_the_mask_are_an_error(counts: object) -> None:
    with pytest.raises(ValueError, match=r"run length"):
        decode_rle(counts, 2, 2)  # type: ignore[arg-type]


@given(st.text(st.characters(min_codepoint=0, max_codepoint=255), max_size=30), masks, st.data())
@settings(max_examples=150, deadline=None)
def test_damage_is_a_value_error_or_a_mask_of_the_right_size(junk: str, mask: np.ndarray, data: st.DataObject) -> None:
    good = compressed(run_lengths(mask))
    cut = data.draw(st.integers(0, len(good)))
    for text in (junk, good[:cut], good[:cut] + junk):
        with contextlib.suppress(ValueError):
            assert decode_rle(text, *mask.shape).shape == mask.shape


@given(masks)
@settings(max_examples=150, deadline=None)
def test_runs_are_written_as_the_independent_encoder_writes_them(mask: np.ndarray) -> None:
    runs = runs_of_mask(mask)
    assert runs.tolist() == run_lengths(mask)
    assert compressed_counts(runs) == compressed(run_lengths(mask))
    packed = packed_of_runs(runs, *mask.shape)
    np.testing.assert_array_equal(packed, np.packbits(mask))


@given(st.tuples(st.integers(1, 12), st.integers(1, 12)).flatmap(lambda s: arrays(bool, (2, *s))))
@settings(max_examples=150, deadline=None)
def test_areas_boxes_and_overlaps_of_runs_are_those_of_the_masks(pair: np.ndarray) -> None:
    one, other = (runs_of_mask(mask) for mask in pair)
    others = [spans_of_runs(other), spans_of_runs(one), spans_of_runs(np.array([pair[0].size]))]
    shared = shared_pixels(spans_of_runs(one), others)
    assert shared.tolist() == [(pair[0] & pair[1]).sum(), pair[0].sum(), 0]
    assert area_of_runs(one) == pair[0].sum()
    x, y, width, height = box_of_runs(one, pair.shape[1])
    boxed = np.zeros_like(pair[0])
    boxed[y : y + height, x : x + width] = True
    assert not (pair[0] & ~boxed).any()
    if pair[0].any():
        rows, columns = np.nonzero(pair[0])
        assert (width, height) == (np.ptp(columns) + 1, np.ptp(rows) + 1)
    else:
        assert (x, y, width, height) == (0, 0, 0, 0)


def test_pycocotools_reads_what_is_written_and_agrees_on_area_and_box() -> None:
    from pycocotools import mask as coco

    rng = np.random.default_rng(0)
    for shape in ((1, 1), (7, 5), (300, 200)):
        mask = rng.random(shape) < 0.5
        rle = {"size": list(shape), "counts": compressed_counts(runs_of_mask(mask))}
        np.testing.assert_array_equal(coco.decode(rle).astype(bool), mask)
        assert coco.area(rle) == mask.sum()
        assert tuple(coco.toBbox(rle).astype(int)) == box_of_runs(runs_of_mask(mask), shape[0])
