"""3D-OVS: every class in every annotated view, against scikit-learn as its own tool computes it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import OBJECTS, copy_masks, save, three_d_ovs, true_mask
from sklearn.metrics import accuracy_score, jaccard_score

from splatseg.errors import MaskError
from splatseg.evaluate.protocols.registry import PROTOCOLS
from splatseg.evaluate.protocols.score import score_predictions

OVS = PROTOCOLS["3d-ovs"]
VIEWS = ("008", "016")


def test_perfect_predictions_score_1(tmp_path: Path) -> None:
    data = three_d_ovs(tmp_path / "table")
    pred = copy_masks(data / "segmentations", tmp_path / "pred" / "table")
    score = score_predictions(OVS, data, pred.parent)
    assert score.figures == {"miou": 1, "accuracy": 1, "mbiou": 1}
    assert [row.prompt for row in score.tasks[0].rows] == ["donut", "donut", "red mug", "red mug", "vase", "vase"]


def test_figures_are_those_of_scikit_learn_on_one_column_a_class(tmp_path: Path) -> None:
    data = three_d_ovs(tmp_path / "table")
    ious, accuracies = [], []
    for view in VIEWS:
        truths, preds = [], []
        for prompt in sorted(OBJECTS):
            truth = true_mask(f"{view}.jpg", OBJECTS[prompt])
            pred = np.roll(truth, 4, axis=0)
            save(tmp_path / "pred" / view / f"{prompt}.png", pred)
            truths.append(truth.ravel())
            preds.append(pred.ravel())
        columns = np.stack(truths, axis=1), np.stack(preds, axis=1)
        ious.append(jaccard_score(*columns, average=None))
        accuracies.append(accuracy_score(*columns))
    score = score_predictions(OVS, data, tmp_path / "pred")
    assert score.figures["miou"] == pytest.approx(np.mean(ious), abs=1e-6)
    assert score.figures["accuracy"] == pytest.approx(np.mean(accuracies), abs=1e-6)


def test_a_missing_class_leaves_no_pixel_of_its_view_right(tmp_path: Path) -> None:
    data = three_d_ovs(tmp_path / "table")
    pred = copy_masks(data / "segmentations", tmp_path / "pred")
    (pred / "016" / "vase.png").unlink()
    score = score_predictions(OVS, data, pred)
    assert score.figures["miou"] == pytest.approx(5 / 6) and score.figures["accuracy"] == 0.5
    assert score.tasks[0].missing == ["016/vase"]


def test_true_masks_of_one_view_have_one_size(tmp_path: Path) -> None:
    data = three_d_ovs(tmp_path / "table")
    save(data / "segmentations" / "008" / "red mug.png", np.ones((5, 5), bool))
    with pytest.raises(MaskError, match="the true masks of view 008 of table differ in size"):
        score_predictions(OVS, data, data / "segmentations")


def test_a_view_is_an_image_by_name_or_by_index(tmp_path: Path) -> None:
    (task,) = OVS.read(three_d_ovs(tmp_path / "table"))
    assert task.image("008", ["007.png", "008.png"]) == "008.png"
    assert task.image("01", ["b.png", "a.png", "c.png"]) == "b.png"
    assert task.image("09", ["a.png"]) is None
    assert task.held_out() == ()


def test_the_oracle_prompts_in_the_first_view_where_the_class_is_seen(tmp_path: Path) -> None:
    data = three_d_ovs(tmp_path / "table")
    save(data / "segmentations" / "008" / "vase.png", np.zeros((240, 320), bool))
    references = OVS.read(data)[0].references
    assert {prompt: reference.view for prompt, reference in references.items()} == {
        "donut": "008",
        "vase": "016",
        "red mug": "008",
    }


def test_missing_masks_and_lists_are_told(tmp_path: Path) -> None:
    data = three_d_ovs(tmp_path / "table")
    (data / "segmentations" / "008" / "donut.png").unlink()
    (data / "segmentations" / "016" / "vase.png").unlink()
    expected = r"table lacks segmentations/008/donut\.png, segmentations/016/vase\.png; 3D-OVS is laid out as"
    with pytest.raises(MaskError, match=expected):
        OVS.read(tmp_path)
    (data / "segmentations" / "classes.txt").write_text("\n")
    with pytest.raises(MaskError, match=r"classes\.txt names no class; write one per line"):
        OVS.read(data)
    (data / "segmentations" / "classes.txt").unlink()
    with pytest.raises(MaskError, match=r"table lacks segmentations/classes\.txt; 3D-OVS"):
        OVS.read(data)
    with pytest.raises(MaskError, match=r"lacks segmentations/classes\.txt"):
        OVS.read(data / "segmentations")
