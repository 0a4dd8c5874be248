"""LERF-Mask: its layout, its averaging, and the traps of its script."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import HELD_OUT, OBJECTS, lerf_mask, save, true_mask
from PIL import Image

from splatseg.errors import MaskError
from splatseg.evaluate.protocols.lerf_mask import PROMPTS
from splatseg.evaluate.protocols.registry import PROTOCOLS
from splatseg.evaluate.protocols.score import score_predictions

LERF_MASK = PROTOCOLS["lerf-mask"]


def test_perfect_predictions_score_1_and_a_view_without_masks_does_not_count(tmp_path: Path) -> None:
    data = lerf_mask(tmp_path / "table")
    score = score_predictions(LERF_MASK, data, data / "test_mask")
    (task,) = score.tasks
    assert score.figures == dict.fromkeys(("miou", "mbiou", "miou_other_views", "script_miou", "script_mbiou"), 1)
    assert [(row.prompt, row.view) for row in task.rows] == [
        *(("donut", "0"), ("donut", "2"), ("red mug", "0"), ("red mug", "2"), ("vase", "0"))
    ]


def test_a_missing_prediction_scores_0_is_listed_and_only_the_script_skips_it(tmp_path: Path) -> None:
    data = lerf_mask(tmp_path / "table")
    for index in (0, 2):
        save(tmp_path / "pred" / str(index) / "donut.png", true_mask(HELD_OUT[index], OBJECTS["donut"]))
    score = score_predictions(LERF_MASK, data, tmp_path / "pred")
    assert score.figures["miou"] == pytest.approx(1 / 3) and score.figures["script_miou"] == 1
    assert score.tasks[0].missing == ["0/red mug", "2/red mug", "0/vase"]


def test_a_known_corruption_scores_what_is_counted_by_hand(tmp_path: Path) -> None:
    data = lerf_mask(tmp_path / "table")
    expected = {}
    for prompt, label in OBJECTS.items():
        scores = []
        for index in (0, 2):
            truth = true_mask(HELD_OUT[index], label)
            moved = np.roll(truth, 3 + index, axis=1)
            small = Image.fromarray(moved.astype(np.uint8) * 200).resize((200, 150), Image.Resampling.NEAREST)
            save(tmp_path / "pred" / "table" / str(index) / f"{prompt}.png", np.asarray(small))
            again = np.asarray(small.resize((320, 240), Image.Resampling.NEAREST)) > 128
            if (data / "test_mask" / str(index) / f"{prompt}.png").exists():
                scores.append((again & truth).sum() / (again | truth).sum())
        expected[prompt] = np.mean(scores)
    score = score_predictions(LERF_MASK, data, tmp_path / "pred")
    assert score.figures["miou"] == pytest.approx(np.mean(list(expected.values())), abs=1e-6)
    assert 0 < score.figures["mbiou"] < score.figures["miou"]


def test_grey_128_is_not_the_object_and_129_is(tmp_path: Path) -> None:
    data = lerf_mask(tmp_path / "table", {"donut": 5, "vase": 18})
    for level, expected in ((128, 0.0), (129, 1.0)):
        truth = true_mask("000.jpg", 5)
        save(tmp_path / str(level) / "0" / "donut.png", truth.astype(np.uint8) * level)
        row = score_predictions(LERF_MASK, data, tmp_path / str(level)).tasks[0].rows[0]
        assert row.iou == expected


def test_a_prompt_may_have_dots_in_its_name(tmp_path: Path) -> None:
    data = lerf_mask(tmp_path / "table", {"no. 1 mug": 2, "no. 2 donut": 5, "vase": 18})
    assert score_predictions(LERF_MASK, data, data / "test_mask").tasks[0].by_prompt().keys() == {
        *("no. 1 mug", "no. 2 donut", "vase")
    }


def test_the_views_held_out_are_those_not_in_images_train_and_test_views_count_among_them(tmp_path: Path) -> None:
    (task,) = LERF_MASK.read(lerf_mask(tmp_path / "table"))
    assert task.held_out() == HELD_OUT
    names = [f"{index:03d}.jpg" for index in range(64)]
    assert [task.image(view, names) for view in ("0", "1", "2", "3")] == [*HELD_OUT, None]
    assert task.references["vase"].view == "0"


def test_what_a_folder_lacks_is_listed_in_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(MaskError, match=r"there is no folder .*absent; LERF-Mask is laid out as <scene>/test_mask/"):
        LERF_MASK.read(tmp_path / "absent")
    with pytest.raises(MaskError, match=r"lacks test_mask; LERF-Mask is laid out as"):
        LERF_MASK.read(tmp_path)
    (tmp_path / "empty" / "test_mask" / "0").mkdir(parents=True)
    with pytest.raises(MaskError, match=r"empty lacks test_mask/<view>/<prompt>\.png; LERF-Mask"):
        LERF_MASK.read(tmp_path / "empty")
    save(tmp_path / "named" / "test_mask" / "test_0" / "mug.png", np.ones((4, 4), bool))
    with pytest.raises(MaskError, match=r"lacks test_mask/test_0 as a number, the index of a test view"):
        LERF_MASK.read(tmp_path / "named")
    save(tmp_path / "bare" / "test_mask" / "0" / "mug.png", np.ones((4, 4), bool))
    (task,) = LERF_MASK.read(tmp_path / "bare")
    with pytest.raises(MaskError, match=r"bare lacks images_train with the photographs to train on"):
        task.held_out()


def test_a_prompt_of_a_known_scene_that_has_no_mask_is_told(tmp_path: Path) -> None:
    scene = tmp_path / "teatime"
    for prompt in PROMPTS["teatime"]:
        save(scene / "test_mask" / "0" / f"{prompt}.png", true_mask("000.jpg", 2))
    assert len(LERF_MASK.read(scene)[0].targets) == 10
    (scene / "test_mask" / "0" / "sheep.png").unlink()
    (scene / "test_mask" / "0" / "spoon handle.png").rename(scene / "test_mask" / "0" / "spoon_handle.png")
    with pytest.raises(MaskError, match=r"teatime lacks test_mask/0/sheep\.png, test_mask/0/spoon handle\.png; LERF"):
        LERF_MASK.read(scene)
