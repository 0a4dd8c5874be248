"""COCO run lengths against an encoder written from the format's description."""

from __future__ import annotations

import contextlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from rle_writer import compressed, run_lengths

from splatseg.masks.rle import decode_rle

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
