"""JSON of the annotation tools: whole, strange and damaged."""

from __future__ import annotations

import base64
import contextlib
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image
from rle_writer import compressed, run_lengths

from splatseg.errors import MaskError
from splatseg.masks.formats.json_masks import segments_of_json
from splatseg.masks.segments import Segments
from splatseg.untrusted.memory import Guard

GUARD = Guard(MaskError, Path("a.json"), 1000)

SQUARE = [[1, 1], [4, 1], [4, 3], [1, 3]]


def square(height: int = 6, width: int = 8) -> np.ndarray:
    mask = np.zeros((height, width), bool)
    mask[1:3, 1:4] = True
    return mask


def labelme(*shapes: dict[str, Any]) -> dict[str, Any]:
    return {"version": "5.4", "imagePath": "a.jpg", "imageHeight": 6, "imageWidth": 8, "shapes": list(shapes)}


def shape(kind: str | None, points: list, **more: Any) -> dict[str, Any]:
    return {"label": "mug", "points": points, "group_id": None, "shape_type": kind, "flags": {}} | more


@pytest.mark.parametrize(
    "drawn",
    [
        shape("polygon", SQUARE),
        shape(None, SQUARE),
        shape("rectangle", [[4, 3], [1, 1]]),
    ],
)
def test_labelme_shapes_become_the_pixels_they_cover(drawn: dict[str, Any]) -> None:
    segments = segments_of_json(labelme(drawn), GUARD)
    assert segments.count == 1
    np.testing.assert_array_equal(segments.mask(1), square())


def test_a_labelme_circle_is_as_wide_as_its_radius_says() -> None:
    segments = segments_of_json(labelme(shape("circle", [[4, 3], [4, 5]])), GUARD)
    assert segments.mask(1)[3, 2:6].all() and segments.areas()[0] == 12
    assert not segments.mask(1)[3, [1, 6]].any()


def test_a_labelme_mask_is_stamped_where_its_box_is() -> None:
    buffer = io.BytesIO()
    Image.fromarray(np.full((2, 3), 255, np.uint8)).save(buffer, format="PNG")
    stamp = base64.b64encode(buffer.getvalue()).decode()
    segments = segments_of_json(labelme(shape("mask", [[1, 1], [3, 2]], mask=stamp)), GUARD)
    np.testing.assert_array_equal(segments.mask(1), square())


def test_labelme_shapes_of_one_group_are_one_segment_and_lines_are_none() -> None:
    far = [[6, 4], [8, 4], [8, 6], [6, 6]]
    together = labelme(shape("polygon", SQUARE, group_id=3), shape("polygon", far, group_id=3))
    assert segments_of_json(together, GUARD).areas().tolist() == [10]
    apart = labelme(shape("polygon", SQUARE), shape("polygon", far), shape("line", [[0, 0], [3, 3]]))
    assert segments_of_json(apart, GUARD).areas().tolist() == [6, 4]
    assert segments_of_json(labelme(), GUARD).count == 0


def coco(*segmentations: Any, images: int = 1) -> dict[str, Any]:
    rows = [{"id": i, "image_id": 0, "segmentation": s} for i, s in enumerate(segmentations)]
    frames = [{"id": i, "file_name": f"{i}.jpg", "height": 6, "width": 8} for i in range(images)]
    return {"images": frames, "annotations": rows, "categories": [{"id": 1, "name": "mug"}]}


def test_coco_polygons_and_run_lengths_of_one_image_are_read() -> None:
    flat = np.array(SQUARE, float).ravel().tolist()
    rle = {"size": [6, 8], "counts": compressed(run_lengths(square()))}
    plain = {"size": [6, 8], "counts": run_lengths(square())}
    segments = segments_of_json(coco([flat], rle, plain), GUARD)
    assert segments.areas().tolist() == [6, 6, 6]
    assert segments_of_json(coco([flat, [6, 4, 8, 4, 8, 6, 6, 6]]), GUARD).areas().tolist() == [10]
    np.testing.assert_array_equal(segments.mask(1), square())


def test_a_coco_file_of_many_images_says_how_to_give_it() -> None:
    with pytest.raises(ValueError, match="2 images; give the file itself"):
        segments_of_json(coco(images=2), GUARD)


def test_a_view_without_masks_may_say_so_with_its_size() -> None:
    segments = segments_of_json({"image": {"file_name": "a.jpg", "width": 8, "height": 6}, "annotations": []}, GUARD)
    assert (segments.count, segments.width, segments.height) == (0, 8, 6)
    for nothing in ([], {"annotations": []}, {}):
        with pytest.raises(ValueError, match="lists no masks"):
            segments_of_json(nothing, GUARD)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (labelme(shape("polygon", SQUARE[:2])), "polygon of 2 points"),
        (labelme(shape("polygon", [[0, 0], [1, float("inf")], [2, 2]])), "not finite"),
        (labelme() | {"imageWidth": 0}, "impossible"),
        (labelme() | {"imageWidth": 10**9, "imageHeight": 10**9}, "impossible"),
        (coco([[1, 2, 3]]), "reshape"),
        (coco("text"), "malformed compressed run lengths"),
        (coco(None), "without run lengths"),
        (coco({"size": [5, 8], "counts": [40]}), "different sizes"),
    ],
)
def test_malformed_masks_are_named(content: Any, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        segments_of_json(content, GUARD)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 50) | st.floats(allow_nan=True) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["points", "size", "x"]), inner),
    max_leaves=8,
)


@example([], 3.5e38, None)
@given(json_values, json_values, json_values)
@settings(max_examples=200, deadline=None)
def test_any_json_is_segments_of_the_right_size_or_an_ordinary_error(one: Any, two: Any, three: Any) -> None:
    whole = [
        labelme({"shape_type": one, "points": two, "group_id": three}),
        labelme(shape("polygon", one), shape("circle", two), shape("mask", [[0, 0], [1, 1]], mask=three)),
        coco(one, two) | {"images": [{"height": 6, "width": 8}]},
        {"image": {"width": 8, "height": 6}, "annotations": [{"segmentation": one, "score": two}]},
        one,
    ]
    for content in whole:
        with contextlib.suppress(ValueError, TypeError, KeyError, AttributeError, IndexError, OSError, OverflowError):
            segments = segments_of_json(content, GUARD)
            assert isinstance(segments, Segments) and segments.layers[0].shape == (segments.height, segments.width)


@pytest.mark.parametrize(
    ("score", "read"),
    [
        *((0.93, 0.93), ([0.93], 0.93), ([[0.93]], 0.93), ("0.93", 0.93)),
        *((None, 1), ([], 1), ({}, 1), ("good", 1), ([0.1, 0.2], 1), (float("nan"), 1)),
    ],
)
def test_scores_in_lists_and_as_text_are_read_and_others_are_none(score: Any, read: float) -> None:
    rle = {"size": [6, 8], "counts": run_lengths(square())}
    content = {"img_width": 8, "img_height": 6, "annotations": [{"segmentation": rle, "score": score}]}
    assert segments_of_json(content, GUARD).scores.tolist() == [pytest.approx(read)]


def test_a_score_that_is_none_leaves_the_next_one() -> None:
    rle = {"size": [6, 8], "counts": run_lengths(square())}
    content = [{"segmentation": rle, "predicted_iou": None, "score": [0.5]}]
    assert segments_of_json(content, GUARD).scores.tolist() == [0.5]


@pytest.mark.parametrize(
    "segmentation",
    [
        {"size": [6, 8], "counts": compressed(run_lengths(square()))},
        {"size": [6, 8], "counts": run_lengths(square())},
        {"size": [6, 8], "counts": str(compressed(run_lengths(square())).encode())},
        compressed(run_lengths(square())),
        run_lengths(square()),
        [[1, 1, 4, 1, 4, 3, 1, 3]],
        [1, 1, 4, 1, 4, 3, 1, 3],
    ],
)
def test_a_segmentation_may_be_run_lengths_or_polygons_with_or_without_what_is_around_them(segmentation: Any) -> None:
    segments = segments_of_json(coco(segmentation), GUARD)
    np.testing.assert_array_equal(segments.mask(1), square())


def test_a_view_of_grounded_sam_2_may_have_no_masks() -> None:
    assert (
        segments_of_json({"image_path": "a.jpg", "annotations": [], "img_width": 8, "img_height": 6}, GUARD).count == 0
    )


def test_masks_may_be_rows_of_true_and_false_or_run_lengths_alone() -> None:
    rle = {"size": [6, 8], "counts": run_lengths(square())}
    rows = [{"segmentation": square().tolist()}, {"segmentation": square().astype(int).tolist(), "score": 0.5}]
    for content in (rows, [rle, rle], {"masks": [rle, rle]}):
        segments = segments_of_json(content, GUARD)
        assert segments.count == 2
        np.testing.assert_array_equal(segments.mask(2), square())
    with pytest.raises(ValueError, match="different sizes"):
        segments_of_json([*rows, {"segmentation": square(7).tolist()}], GUARD)
