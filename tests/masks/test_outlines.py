"""Outlines without holes: what smaller masks inside them cover is taken out of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from splatseg.errors import MaskError
from splatseg.masks.formats.json_masks import segments_of_json
from splatseg.masks.formats.outlines import without_held
from splatseg.untrusted.memory import Guard

GUARD = Guard(MaskError, Path("a.json"), 1000)


def packed(*masks: np.ndarray) -> np.ndarray:
    return np.packbits(np.array(masks).reshape(len(masks), -1), axis=1)


def square(x0: int, y0: int, x1: int, y1: int) -> np.ndarray:
    mask = np.zeros((20, 30), dtype=bool)
    mask[y0:y1, x0:x1] = True
    return mask


TABLE, MUG, PLATE, CUP = square(2, 2, 28, 18), square(4, 4, 8, 8), square(12, 6, 18, 10), square(14, 7, 16, 9)


def test_a_table_drawn_around_its_things_is_what_they_leave_of_it() -> None:
    cut = without_held(packed(TABLE, MUG, PLATE, CUP), np.ones(4, dtype=bool))
    np.testing.assert_array_equal(cut, packed(TABLE & ~MUG & ~PLATE, MUG, PLATE & ~CUP, CUP))


def test_an_outline_around_a_group_stays() -> None:
    group = packed(square(0, 0, 20, 10), square(0, 0, 10, 10), square(11, 0, 20, 10))
    np.testing.assert_array_equal(without_held(group, np.ones(3, dtype=bool)), group)


def test_a_mask_that_is_no_outline_and_a_thing_beside_lose_nothing() -> None:
    outside = square(26, 2, 30, 18)  # half of it lies inside
    for masks, drawn in ((packed(TABLE, MUG), [False, True]), (packed(TABLE, outside), [True, True])):
        np.testing.assert_array_equal(without_held(masks, np.array(drawn)), masks)


def test_polygons_of_every_layout_are_cut_and_run_lengths_are_not() -> None:
    corners = {"table": [2, 2, 28, 2, 28, 18, 2, 18], "mug": [4, 4, 8, 4, 8, 8, 4, 8]}
    coco = {
        "images": [{"width": 30, "height": 20}],
        "annotations": [{"segmentation": [points], "score": 0.5} for points in corners.values()],
    }
    shapes = [{"points": np.reshape(points, (-1, 2)).tolist(), "label": name} for name, points in corners.items()]
    labelme = {"imageWidth": 30, "imageHeight": 20, "shapes": shapes}
    for content in (coco, labelme):
        segments = segments_of_json(content, GUARD)
        assert segments.count == 2 and len(segments.layers) == 1  # nothing lies on anything
    runs = [{"segmentation": {"size": [20, 30], "counts": counts}} for counts in ([40, 400, 160], [84, 4, 512])]
    assert len(segments_of_json(runs, GUARD).layers) == 2
