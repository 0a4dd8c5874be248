"""Disturbances of masks, by which accuracy is measured."""

from __future__ import annotations

import numpy as np
import pytest
from disturbances import INSIDE, Masking, disturbed_map, lies_in, of_level

from splatseg.capture.capture import load_capture
from splatseg.demo.demo import demo_capture
from splatseg.masks.segments import Segments, from_label_map, from_masks


def rectangle(top: int, left: int, bottom: int, right: int) -> np.ndarray:
    mask = np.zeros((40, 60), dtype=bool)
    mask[top:bottom, left:right] = True
    return mask


WHOLE, PART, SMALLER, BESIDE = (
    rectangle(0, 0, 30, 30),
    rectangle(5, 5, 20, 20),
    rectangle(8, 8, 12, 12),
    rectangle(0, 40, 30, 60),
)


def nested() -> Segments:
    return from_masks(np.stack([WHOLE, PART, SMALLER, BESIDE]), np.array([0.9, 0.8, 0.7, 0.6], dtype=np.float32))


def masks_of(segments: Segments) -> list[np.ndarray]:
    return [segments.mask(i) for i in range(1, segments.count + 1)]


def random_masks(seed: int) -> Segments:
    """Rectangles that overlap, lie in one another, and sometimes are the same."""
    rng = np.random.default_rng(seed)
    corners = rng.integers(0, (30, 50), (30, 2))
    sizes = rng.integers(2, 20, (30, 2))
    masks = [rectangle(y, x, y + h, x + w) for (y, x), (h, w) in zip(corners, sizes, strict=True)]
    return from_masks(np.stack([*masks, masks[0], masks[1]]))


def test_a_mask_lies_in_those_around_it_and_no_mask_lies_in_itself():
    assert np.argwhere(lies_in(nested())).tolist() == [[1, 0], [2, 0], [2, 1]]


def test_a_mask_that_sticks_out_a_little_still_lies_in_the_larger_one():
    out = rectangle(10, 21, 20, 31)  # a tenth of it is beside WHOLE
    further = rectangle(10, 22, 20, 32)
    inside = lies_in(from_masks(np.stack([WHOLE, out, further])))
    assert inside[1, 0]
    assert not inside[2, 0]


@pytest.mark.parametrize("seed", range(5))
def test_small_masks_hold_no_other_mask_and_large_ones_lie_in_none(seed: int):
    segments = random_masks(seed)
    small, large = of_level(segments, "small"), of_level(segments, "large")
    assert 0 < small.count < segments.count
    assert 0 < large.count < segments.count
    every = masks_of(segments)
    for mask in masks_of(small):
        smaller = [other for other in every if other.sum() < mask.sum()]
        assert all((other & mask).sum() < INSIDE * other.sum() for other in smaller)
    for mask in masks_of(large):
        larger = [other for other in every if other.sum() > mask.sum()]
        assert all((other & mask).sum() < INSIDE * mask.sum() for other in larger)
    # What is left has nothing inside one another any more, so that the same level again changes nothing.
    assert not lies_in(small).any()
    assert of_level(large, "large").count == large.count


def test_of_two_masks_that_are_the_same_one_is_left_in_either_level():
    twice = from_masks(np.stack([WHOLE, WHOLE]))
    assert of_level(twice, "small").count == of_level(twice, "large").count == 1


def test_a_level_keeps_the_scores_of_its_masks():
    kept = of_level(nested(), "small")
    scores = {int(mask.sum()): float(score) for mask, score in zip(masks_of(kept), kept.scores, strict=True)}
    assert scores == pytest.approx({int(SMALLER.sum()): 0.7, int(BESIDE.sum()): 0.6})


def test_views_keeps_that_many_evenly_spread_and_both_ends():
    views = load_capture(demo_capture()).split("train")
    for count in (8, 16):
        kept = Masking.of(f"masks,views={count}").views_of(views)
        place = [views.index(view) for view in kept]
        assert len(kept) == count
        assert (place[0], place[-1]) == (0, len(views) - 1)
        assert np.ptp(np.diff(place)) <= 1
    assert Masking.of("masks,views=1000").views_of(views) == list(views)


def test_shuffled_scores_are_the_same_scores_on_the_same_masks():
    rng = np.random.default_rng(1)
    segments = random_masks(0)
    scored = Segments(segments.layers, segments.count, rng.random(segments.count).astype(np.float32))
    dealt = Masking.of("masks,scores=shuffled").apply(scored, rng, None)
    assert dealt.layers is scored.layers
    assert sorted(dealt.scores) == sorted(scored.scores)
    assert (dealt.scores != scored.scores).any()


def test_dropped_masks_are_gone_and_the_others_are_unchanged():
    segments = random_masks(2)
    left = Masking.of("masks,drop=0.5").apply(segments, np.random.default_rng(0), None)
    assert 0 < left.count < segments.count
    before = {mask.tobytes() for mask in masks_of(segments)}
    assert {mask.tobytes() for mask in masks_of(left)} <= before
    assert Masking.of("masks,drop=1").apply(segments, np.random.default_rng(0), None).count == 0


def test_a_merged_mask_is_part_of_a_neighbour_and_no_pixel_is_lost():
    labels = np.repeat(np.arange(1, 7, dtype=np.int32), 10)[None].repeat(40, 0)
    merged = disturbed_map(labels, np.random.default_rng(0), 0.0, 1.0)
    assert (merged > 0).all()
    assert len(np.unique(merged)) < 6


def test_a_big_mask_is_one_more_over_the_others():
    hull = rectangle(0, 0, 40, 60)
    segments = Masking.of("masks,big=1").apply(nested(), np.random.default_rng(0), hull)
    assert segments.count == nested().count + 1
    assert (segments.mask(segments.count) == hull).all()


def test_undisturbed_masks_are_left_as_they_are():
    segments = nested()
    assert Masking.of("masks").apply(segments, np.random.default_rng(0), None) is segments


def test_the_same_seed_disturbs_alike_and_another_does_not():
    segments = from_label_map(np.arange(2400, dtype=np.int32).reshape(40, 60) // 60 + 1)
    masking = Masking.of("masks,drop=0.3,merge=0.3")
    one, same, other = (masking.apply(segments, np.random.default_rng(seed), None).layers[0] for seed in (0, 0, 1))
    assert (one == same).all()
    assert (one != other).any()


@pytest.mark.parametrize("text", ["masks,dorp=0.3", "masks,drop=2", "masks,views=0", "masks,level=middle", "masks,big"])
def test_a_disturbance_that_does_not_exist_is_named_with_those_that_do(text: str):
    with pytest.raises(ValueError, match=rf"'{text[6:]}' in '{text}' is no disturbance of masks; known are drop="):
        Masking.of(text)
