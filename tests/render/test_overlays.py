"""Pictures a person looks at."""

from __future__ import annotations

import numpy as np
import pytest

from splatseg.render.occurring import MOST_COUNTED
from splatseg.render.overlays import (
    color_image,
    outlines,
    overlay_segments,
    overlay_selection,
    side_by_side,
)
from splatseg.segments.palette import NO_SEGMENT, segment_color


def labels() -> np.ndarray:
    picture = np.zeros((12, 16), np.int32)
    picture[2:9, 3:8] = 4
    picture[2:9, 8:13] = 9
    return picture


def photo(value: int = 180) -> np.ndarray:
    return np.full((12, 16, 3), value, np.uint8)


def test_every_segment_has_the_colour_of_its_id() -> None:
    picture = color_image(labels(), {9: (1, 2, 3)})
    assert tuple(picture[5, 5]) == segment_color(4)
    assert tuple(picture[5, 10]) == (1, 2, 3)
    assert tuple(picture[0, 0]) == NO_SEGMENT


@pytest.mark.parametrize("highest", [9, MOST_COUNTED, MOST_COUNTED + 1, 2**31 - 1])
@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint32])
def test_however_high_ids_are_each_has_its_own_colour(highest: int, kind: type) -> None:
    picture = np.where(labels() == 9, highest, labels()).astype(kind)
    colors = {0: (7, 8, 9), 4: (1, 2, 3), highest: (4, 5, 6)}
    expected = np.array([colors[int(label)] for label in picture.ravel()], np.uint8).reshape(12, 16, 3)
    assert np.array_equal(color_image(picture, colors), expected)


def test_an_id_below_none_and_no_pixels_are_no_offence() -> None:
    assert tuple(color_image(np.array([[-3, 0]]), {-3: (1, 2, 3)})[0, 0]) == (1, 2, 3)
    assert color_image(np.zeros((0, 4), np.int32)).shape == (0, 4, 3)


def test_a_colour_for_an_id_that_is_not_seen_is_ignored() -> None:
    assert color_image(labels(), {70_000: (1, 2, 3)}).shape == (12, 16, 3)


def test_an_empty_label_map_has_no_outlines() -> None:
    assert not outlines(np.zeros((5, 5), np.int32)).any()


def test_outlines_are_one_pixel_wide_and_between_all_segments() -> None:
    row = outlines(labels())[5]
    assert np.flatnonzero(row).tolist() == [2, 7, 12]


def test_an_overlay_keeps_the_light_of_the_photograph_and_the_hue_of_the_segment() -> None:
    bright, dark = (overlay_segments(photo(value), labels())[5, 5].astype(int) for value in (220, 40))
    assert (bright > dark).all()
    assert np.argmax(bright) == np.argmax(segment_color(4))


def test_a_selection_is_brighter_than_what_is_around_it() -> None:
    picture = overlay_selection(photo(), labels() == 4)
    assert picture[5, 5].sum() > 1.5 * picture[5, 14].sum()


def test_a_selection_of_everything_has_no_border_and_one_of_nothing_dims_all() -> None:
    everything = overlay_selection(photo(), np.ones((12, 16), bool))
    assert (everything == everything[0, 0]).all()
    nothing = overlay_selection(photo(), np.zeros((12, 16), bool))
    assert (nothing == 72).all()


def test_pictures_stand_side_by_side_with_a_gap() -> None:
    row = side_by_side([photo(1), photo(2)[:6]], gap=3, background=(9, 9, 9))
    assert row.shape == (12, 35, 3)
    assert (row[:, 16:19] == 9).all()
    assert (row[3:9, 19:] == 2).all()


def test_pictures_of_another_shape_are_refused() -> None:
    with pytest.raises(ValueError, match="labels must have shape"):
        overlay_segments(photo(), labels()[:5])
    with pytest.raises(ValueError, match="no pictures"):
        side_by_side([])
