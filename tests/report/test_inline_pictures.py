"""Pictures inside a page."""

from __future__ import annotations

import base64
import io

import numpy as np
import pytest
from PIL import Image

from splatseg.report.inline_pictures import data_uri, label_map_uri, segment_crops


def decoded(uri: str) -> np.ndarray:
    assert uri.startswith(("data:image/webp;base64,", "data:image/png;base64,"))
    with Image.open(io.BytesIO(base64.b64decode(uri.partition(",")[2]))) as image:
        return np.asarray(image.convert("RGB"))


def test_a_picture_survives_its_uri_and_a_wide_one_is_reduced() -> None:
    picture = np.full((30, 40, 3), (200, 100, 50), np.uint8)
    assert np.abs(decoded(data_uri(picture)).astype(int) - picture).max() < 6
    assert decoded(data_uri(picture, widest=20)).shape == (15, 20, 3)


@pytest.mark.parametrize("count", [4, 300])
def test_a_label_map_survives_as_colours_to_the_last_pixel(count: int) -> None:
    ids = np.concatenate([[0], np.random.default_rng(0).choice(70_000, count, replace=False)])
    labels = np.random.default_rng(1).choice(ids, (40, 50)).astype(np.int32)
    red, green, blue = np.moveaxis(decoded(label_map_uri(labels)).astype(int), 2, 0)
    assert (red + 256 * green + 65536 * blue == labels).all()


def test_a_reduced_label_map_has_the_size_of_its_picture_and_no_new_ids() -> None:
    labels = np.repeat(np.arange(90, dtype=np.int32)[None], 60, axis=0) // 30 * 7
    uri, picture = label_map_uri(labels, widest=40), data_uri(np.zeros((60, 90, 3), np.uint8), widest=40)
    assert decoded(uri).shape == decoded(picture).shape == (27, 40, 3)
    assert set(np.unique(decoded(uri))) == {0, 7, 14}


def test_a_crop_is_taken_where_the_segment_covers_most() -> None:
    small, large = np.zeros((40, 60), np.int32), np.zeros((40, 60), np.int32)
    small[10:13, 10:13] = 5
    large[10:30, 10:30] = 5
    views = [(np.full((40, 60, 3), value, np.uint8), labels) for value, labels in ((90, small), (210, large))]
    crops = segment_crops(views, side=32)
    assert list(crops) == [5]
    assert crops[5].shape == (32, 32, 3)
    assert crops[5][16, 16].tolist() == [210, 210, 210]
    assert crops[5][0, 0].max() < 100


@pytest.mark.parametrize("corner", [(0, 0), (39, 59)])
def test_a_crop_at_the_border_stays_inside_the_image(corner: tuple[int, int]) -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[corner] = 1
    crop = segment_crops([(np.full((40, 60, 3), 90, np.uint8), labels)], side=16)[1]
    assert crop.min() >= 25, "black is what lies outside; 40 around the segment, less what sharpening takes"


def test_a_segment_larger_than_the_image_is_high_is_shown_whole() -> None:
    labels = np.ones((20, 60), np.int32)
    crop = segment_crops([(np.full((20, 60, 3), 90, np.uint8), labels)], side=60)[1]
    assert (crop[30] > 80).sum() >= 50 * 3
    assert crop[0].max() < 10


def test_a_dark_segment_is_lit_and_a_light_one_stays() -> None:
    labels = np.zeros((40, 60), np.int32)
    labels[10:30, 20:40] = 1
    for value, shown in ((20, 60), (55, 110), (200, 200)):
        crop = segment_crops([(np.full((40, 60, 3), value, np.uint8), labels)], side=24)[1]
        assert np.abs(crop[12, 12].astype(int) - shown).max() <= 3
