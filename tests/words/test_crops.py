"""Crops of segments."""

import numpy as np

from splatseg.words.crops import GREY, LEAST_PIXELS, best_crops


def _view(boxes: dict[int, tuple[int, int, int, int]], value: int) -> tuple[np.ndarray, np.ndarray]:
    labels = np.zeros((60, 80), np.int32)
    for segment_id, (top, bottom, left, right) in boxes.items():
        labels[top:bottom, left:right] = segment_id
    return np.full((60, 80, 3), value, np.uint8), labels


def test_the_largest_views_come_first_and_no_more_than_asked_for() -> None:
    views = [_view({1: (20, 20 + side, 20, 20 + side)}, side) for side in (10, 30, 12, 20)]
    crops = best_crops(views, count=2)[1]
    assert [int(crop.plain[0, 0, 0]) for crop in crops] == [30, 20]


def test_what_is_not_the_segment_is_grey_in_the_crop_that_shows_it_alone() -> None:
    crop = best_crops([_view({1: (20, 40, 20, 40)}, 200)])[1][0]
    assert crop.plain.shape == crop.alone.shape == (24, 24, 3)
    assert (crop.plain == 200).all()
    assert (crop.alone[0] == GREY).all() and (crop.alone[12, 12] == 200).all()


def test_half_a_thing_at_the_edge_counts_less_than_a_whole_one() -> None:
    crops = best_crops([_view({1: (0, 24, 20, 40)}, 10), _view({1: (20, 36, 20, 40)}, 99)], count=1)[1]
    assert crops[0].plain[0, 0, 0] == 99


def test_segments_of_a_few_pixels_and_none_have_no_picture() -> None:
    assert best_crops([_view({2: (0, 2, 0, LEAST_PIXELS // 2 - 1)}, 10)]) == {}


def test_only_the_segments_asked_for_are_cropped() -> None:
    view = _view({1: (0, 20, 0, 20), 2: (30, 50, 30, 50)}, 10)
    assert set(best_crops([view], ids=[2])) == {2}
