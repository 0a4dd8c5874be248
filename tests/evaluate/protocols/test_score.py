"""Scores are what independent computations say; what is missing counts 0 and is listed."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import lerf_mask, save
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from PIL import Image
from pycocotools import mask as coco
from sklearn.metrics import accuracy_score, jaccard_score

from splatseg.errors import MaskError
from splatseg.evaluate.protocols.registry import PROTOCOLS
from splatseg.evaluate.protocols.score import (
    over_pairs,
    over_prompts,
    peak_in_boxes,
    score_predictions,
    score_task,
    share_above,
)
from splatseg.evaluate.protocols.task import Protocol, Row, Target, Task, fitted

ANY = Protocol("any", "any", lambda folder: (), 128, lambda rows: {"miou": over_pairs(rows, "iou")})
SIZE = (24, 31)
masks = arrays(bool, SIZE)


def task(*truths: np.ndarray) -> Task:
    targets = tuple(Target("thing", str(i), lambda t=t: t, (f"{i}.png",)) for i, t in enumerate(truths))
    return Task("scene", "scene", targets, {}, lambda view, names: None)


def scored(truth: np.ndarray, pred: np.ndarray | None) -> Row:
    grey = None if pred is None else pred.astype(np.uint8) * 255
    return score_task(ANY, task(truth), lambda target: grey).rows[0]


def row(prompt: str, view: str, iou: float) -> Row:
    return Row(prompt, view, iou, iou, iou, 0, 0)


def naive_boundary(mask: np.ndarray, d: int) -> np.ndarray:
    """Pixels of a mask from which one outside of it, or of the image, is d or fewer steps of a king away."""
    height, width = mask.shape
    outside = [(y, x) for y in range(-1, height + 1) for x in range(-1, width + 1)]
    outside = [(y, x) for y, x in outside if not (0 <= y < height and 0 <= x < width and mask[y, x])]
    places = np.array(outside)
    band = np.zeros_like(mask)
    for y, x in zip(*np.nonzero(mask), strict=True):
        band[y, x] = np.abs(places - (y, x)).max(1).min() <= d
    return band


@settings(max_examples=40, deadline=None)
@given(truth=masks, pred=masks)
def test_iou_is_pycocotools(truth: np.ndarray, pred: np.ndarray) -> None:
    if not (truth | pred).any():
        truth[0, 0] = True
    encoded = [coco.encode(np.asfortranarray(mask.astype(np.uint8))) for mask in (pred, truth)]
    assert scored(truth, pred).iou == pytest.approx(coco.iou(encoded[:1], encoded[1:], [0])[0, 0], abs=1e-6)


@settings(max_examples=40, deadline=None)
@given(truth=masks, pred=masks)
def test_iou_and_accuracy_are_scikit_learns(truth: np.ndarray, pred: np.ndarray) -> None:
    found = scored(truth, pred)
    expected = jaccard_score(truth.ravel(), pred.ravel(), zero_division=1.0)
    assert found.iou == pytest.approx(expected, abs=1e-6)
    assert found.accuracy == pytest.approx(accuracy_score(truth.ravel(), pred.ravel()), abs=1e-6)


@settings(max_examples=25, deadline=None)
@given(truth=masks, pred=masks)
def test_boundary_iou_is_a_brute_force_over_distances_of_pixels(truth: np.ndarray, pred: np.ndarray) -> None:
    d = max(1, round(0.02 * float(np.sqrt(SIZE[0] ** 2 + SIZE[1] ** 2))))
    bands = [naive_boundary(mask, d) for mask in (pred, truth)]
    union = (bands[0] | bands[1]).sum()
    expected = (bands[0] & bands[1]).sum() / union if union else 1.0
    assert scored(truth, pred).boundary_iou == pytest.approx(expected, abs=1e-6)


def test_a_brute_force_agrees_where_the_band_is_wider_than_a_pixel() -> None:
    rng = np.random.default_rng(0)
    yy, xx = np.mgrid[:90, :120]
    truth = (yy - 45) ** 2 + (xx - 50) ** 2 < 35**2
    pred = (yy - 40) ** 2 + (xx - 90) ** 2 < 45**2  # cut by the image
    pred ^= rng.random(pred.shape) < 0.002
    bands = [naive_boundary(mask, 3) for mask in (pred, truth)]
    expected = (bands[0] & bands[1]).sum() / (bands[0] | bands[1]).sum()
    assert round(0.02 * np.hypot(90, 120)) == 3
    assert scored(truth, pred).boundary_iou == pytest.approx(expected, abs=1e-6)


def test_nothing_against_nothing_agrees_but_a_missing_prediction_scores_0_even_then() -> None:
    empty = np.zeros(SIZE, bool)
    found, missing = scored(empty, empty), scored(empty, None)
    assert (found.iou, found.boundary_iou, found.accuracy, found.missing) == (1, 1, 1, False)
    assert (missing.iou, missing.boundary_iou, missing.accuracy, missing.missing) == (0, 0, 0, True)


def test_a_prediction_is_set_above_the_level_and_resized_by_pillows_nearest_neighbour() -> None:
    rng = np.random.default_rng(1)
    truth, grey = rng.random((30, 40)) < 0.5, rng.integers(0, 256, (17, 23), dtype=np.uint8)
    found = score_task(ANY, task(truth), lambda target: grey).rows[0]
    resized = np.asarray(Image.fromarray(grey).resize((40, 30), Image.Resampling.NEAREST)) > 128
    assert found.intersection == (resized & truth).sum() and found.union == (resized | truth).sum()
    assert (fitted(fitted(truth, 80, 60), 40, 30) == truth).all()


def test_the_mean_over_prompts_is_not_the_mean_over_pairs() -> None:
    rows = [row("a", "0", 1.0), row("a", "1", 0.5), row("a", "2", 0.0), row("b", "0", 1.0)]
    assert over_prompts(rows, "iou") == pytest.approx((0.5 + 1.0) / 2)
    assert over_pairs(rows, "iou") == pytest.approx(2.5 / 4)
    assert share_above(rows, 0.5) == 0.5  # above, not at
    assert over_pairs([], "iou") == over_prompts([], "iou") == 0.0


def test_the_figure_of_a_benchmark_is_the_mean_over_its_scenes_however_many_masks_each_has(tmp_path: Path) -> None:
    for name, objects in {
        "few": {"donut": 5, "vase": 18},
        "many": {"red mug": 2, "die": 6, "ball": 7, "vase": 18},
    }.items():
        lerf_mask(tmp_path / "data" / name, objects)
    (tmp_path / "pred" / "few" / "0").mkdir(parents=True)
    source = tmp_path / "data" / "few" / "test_mask" / "0" / "donut.png"
    (tmp_path / "pred" / "few" / "0" / "donut.png").write_bytes(source.read_bytes())
    score = score_predictions(PROTOCOLS["lerf-mask"], tmp_path / "data", tmp_path / "pred")
    assert [found.name for found in score.tasks] == ["few", "many"]
    assert score.tasks[0].figures["miou"] == pytest.approx((1 / 2 + 0) / 2)  # donut in one of its two views
    assert score.figures["miou"] == pytest.approx(score.tasks[0].figures["miou"] / 2)


def test_the_peak_is_that_of_the_mean_over_30_pixels_and_may_lie_on_a_boxes_edge() -> None:
    grey = np.zeros((100, 100), np.uint8)
    grey[10, 10] = 255  # a speck
    grey[50:80, 40:70] = 255
    assert peak_in_boxes(grey, [(55, 65, 99, 99)]) and peak_in_boxes(grey, [(99, 99, 55, 65)])
    assert not peak_in_boxes(grey, [(56, 66, 99, 99)]) and not peak_in_boxes(grey, [(0, 0, 30, 30)])
    assert not peak_in_boxes(np.zeros_like(grey), [(0, 0, 99, 99)])


@settings(max_examples=20, deadline=None)
@given(grey=arrays(np.uint8, (40, 50), elements=st.sampled_from([0, 0, 0, 90, 255])))
def test_the_window_of_the_peak_reaches_15_pixels_up_and_left_and_14_down_and_right_mirrored_at_borders(
    grey: np.ndarray,
) -> None:
    padded = np.pad(grey.astype(float), 15, mode="reflect")
    sums = np.array([[padded[y : y + 30, x : x + 30].sum() for x in range(50)] for y in range(40)])
    y, x = np.unravel_index(sums.argmax(), sums.shape)
    if grey.any():
        assert peak_in_boxes(grey, [(x, y, x, y)])
        lower = np.argwhere(sums < sums.max() - 1)
        assert not any(peak_in_boxes(grey, [(x, y, x, y)]) for y, x in lower[::97])


def test_predictions_of_another_layout_are_not_a_score_of_0_but_an_error(tmp_path: Path) -> None:
    data = lerf_mask(tmp_path / "table")
    save(tmp_path / "pred" / "donut" / "0.png", np.ones((240, 320), bool))
    with pytest.raises(
        MaskError, match=r"pred holds none of the masks that are scored; the first would be table/0/don"
    ):
        score_predictions(PROTOCOLS["lerf-mask"], data, tmp_path / "pred")
    with pytest.raises(MaskError, match=r"there is no folder of predictions at .*absent"):
        score_predictions(PROTOCOLS["lerf-mask"], data, tmp_path / "absent")
    (tmp_path / "pred" / "0").mkdir()
    (tmp_path / "pred" / "0" / "donut.png").write_bytes(b"no image")
    with pytest.raises(MaskError, match=r"donut\.png cannot be read as an image"):
        score_predictions(PROTOCOLS["lerf-mask"], data, tmp_path / "pred")


def test_scenes_can_be_chosen_and_an_unknown_one_is_told_with_those_there_are(tmp_path: Path) -> None:
    for name in ("one", "two"):
        lerf_mask(tmp_path / "data" / name)
    pred = tmp_path / "data" / "two" / "test_mask"
    score = score_predictions(PROTOCOLS["lerf-mask"], tmp_path / "data", pred, ["two"])
    assert [found.name for found in score.tasks] == ["two"] and score.figures["miou"] == 1
    with pytest.raises(MaskError, match="has no scene named three; it has one, two"):
        score_predictions(PROTOCOLS["lerf-mask"], tmp_path / "data", pred, ["three"])


def test_all_of_it_is_json(tmp_path: Path) -> None:
    data = lerf_mask(tmp_path / "table")
    as_json = score_predictions(PROTOCOLS["lerf-mask"], data, data / "test_mask").to_json()
    assert json.loads(json.dumps(as_json, allow_nan=False)) == as_json
    assert as_json["protocol"] == "lerf-mask" and as_json["prompts"] == "given"
    assert as_json["tasks"][0]["prompts"]["donut"] == {"iou": 1.0, "boundary_iou": 1.0}
    assert {row["trust"] for row in as_json["published"]} == {"read", "reported", "remembered"}


@settings(max_examples=20, deadline=None)
@given(data=st.data())
def test_accuracy_over_classes_is_scikit_learns_of_whole_pixels(data: st.DataObject) -> None:
    classes = [(data.draw(masks), data.draw(masks)) for _ in range(3)]
    targets = tuple(Target(str(i), "v", lambda t=truth: t, ("x",)) for i, (truth, _) in enumerate(classes))
    one_view = Task("s", "s", targets, {}, lambda view, names: None)
    done = score_task(
        dataclasses.replace(ANY, whole_pixels=True),
        one_view,
        lambda target: classes[int(target.prompt)][1].astype(np.uint8) * 255,
    )
    stacked = [np.stack([pair[side].ravel() for pair in classes], axis=1) for side in (0, 1)]
    assert done.rows[0].exact == pytest.approx(accuracy_score(*stacked), abs=1e-6)
