"""NVOS: one true mask a task, scribbles elsewhere."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import nvos, save, true_mask

from splatseg.errors import MaskError
from splatseg.evaluate.protocols.nvos import spread_clicks
from splatseg.evaluate.protocols.registry import PROTOCOLS
from splatseg.evaluate.protocols.score import score_predictions

NVOS = PROTOCOLS["nvos"]


@pytest.mark.parametrize("name", ["008_mask.png", "008.png", "00000.png"])
def test_perfect_predictions_score_1_under_any_of_the_names(tmp_path: Path, name: str) -> None:
    nvos(tmp_path / "labels" / "llff")
    save(tmp_path / "pred" / "table" / name, true_mask("008.jpg", 18))
    assert score_predictions(NVOS, tmp_path, tmp_path / "pred").figures == {"miou": 1, "accuracy": 1, "mbiou": 1}


def test_iou_and_accuracy_are_those_of_true_and_false_positives_and_negatives(tmp_path: Path) -> None:
    data = nvos(tmp_path / "data")
    nvos(data, "horns_left", label=5)
    truth = true_mask("008.jpg", 18)
    pred = np.roll(truth, 7, axis=1)
    save(tmp_path / "pred" / "table" / "008.png", pred)
    score = score_predictions(NVOS, data, tmp_path / "pred")
    tp, fp, fn, tn = ((a & b).sum() for a, b in ((pred, truth), (pred, ~truth), (~pred, truth), (~pred, ~truth)))
    assert score.tasks[1].figures["miou"] == pytest.approx(tp / (tp + fp + fn), abs=1e-6)
    assert score.tasks[1].figures["accuracy"] == pytest.approx((tp + tn) / truth.size, abs=1e-6)
    assert score.tasks[0].missing == ["008/horns_left"]
    assert score.figures["accuracy"] == pytest.approx(score.tasks[1].figures["accuracy"] / 2)


def test_two_tasks_of_horns_are_asked_of_one_capture_and_the_target_is_held_out(tmp_path: Path) -> None:
    for name in ("horns_center", "horns_left"):
        nvos(tmp_path, name)
    tasks = NVOS.read(tmp_path)
    assert {task.capture for task in tasks} == {"horns"}
    assert tasks[0].held_out() == ("008",) and tasks[0].image("008", ["008.JPG"]) == "008.JPG"
    reference = tasks[0].references["horns_center"]
    assert reference.view == "001" and reference.scribbles and reference.unwanted is not None
    assert reference.wanted().shape == (60, 80)


def test_clicks_are_spread_over_a_scribble_and_lie_on_it() -> None:
    scribble = np.zeros((50, 90), bool)
    scribble[20, 5:85] = True
    clicks = spread_clicks(scribble, 5)
    assert [y for _, y in clicks] == [20.0] * 5
    assert sorted(x for x, _ in clicks) == [5, 24, 44, 64, 84] or len({x for x, _ in clicks}) == 5
    assert {5.0, 84.0} <= {x for x, _ in clicks}
    assert spread_clicks(np.zeros((4, 4), bool)) == []
    assert len(spread_clicks(scribble[:, :7])) == 2  # no more than there are pixels


def test_what_tasks_lack_is_listed(tmp_path: Path) -> None:
    nvos(tmp_path, "fern")
    nvos(tmp_path, "trex")
    (tmp_path / "scribbles" / "fern" / "neg_0_fern.png").unlink()
    save(tmp_path / "masks" / "trex" / "009_mask.png", np.ones((4, 4), bool))
    expected = (
        r"lacks scribbles/fern/neg_\*\.png, a single masks/trex/<view>_mask\.png \(there are 2\); NVOS is laid out as"
    )
    with pytest.raises(MaskError, match=expected):
        NVOS.read(tmp_path)
    with pytest.raises(MaskError, match=r"masks lacks masks, scribbles, reference_image; NVOS is laid out as"):
        NVOS.read(tmp_path / "masks")
