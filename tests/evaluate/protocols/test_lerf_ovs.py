"""LERF-OVS: polygons become masks, and two ways of counting stay apart."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import lerf_ovs, save, write_label

from splatseg.errors import MaskError
from splatseg.evaluate.protocols.lerf_ovs import drawn
from splatseg.evaluate.protocols.registry import PROTOCOLS
from splatseg.evaluate.protocols.score import score_predictions

DIRECT, RENDERED = PROTOCOLS["lerf-ovs"], PROTOCOLS["lerf-ovs-2d"]


def rectangle(left: int, top: int, right: int, bottom: int) -> np.ndarray:
    """Corners included, as fillPoly draws."""
    mask = np.zeros((160, 240), bool)
    mask[top : bottom + 1, left : right + 1] = True
    return mask


MUG = rectangle(20, 20, 80, 80) | rectangle(60, 40, 120, 100)
PLATES = {"frame_00002": rectangle(160, 80, 219, 140), "frame_00003": rectangle(152, 72, 211, 132)}


def test_polygons_of_one_category_are_one_mask_and_overlaps_do_not_cancel(tmp_path: Path) -> None:
    (task,) = DIRECT.read(lerf_ovs(tmp_path))
    truths = {(target.prompt, target.view): target.truth() for target in task.targets}
    assert truths.keys() == {("mug", "frame_00002"), ("plate", "frame_00002"), ("plate", "frame_00003")}
    np.testing.assert_array_equal(truths["mug", "frame_00002"], MUG)
    for frame, plate in PLATES.items():
        np.testing.assert_array_equal(truths["plate", frame], plate)


def test_corners_are_truncated_and_what_lies_outside_is_cut() -> None:
    np.testing.assert_array_equal(drawn([[(-5, -5), (3, -5), (3, 2), (-5, 2)]], 240, 160), rectangle(0, 0, 3, 2))


def test_perfect_predictions_score_1_in_both_layouts(tmp_path: Path) -> None:
    data = lerf_ovs(tmp_path / "data")
    for frame, plate in PLATES.items():
        save(tmp_path / "open" / f"{frame}_plate.png", plate)
        save(tmp_path / "lang" / "table" / frame[-5:] / "chosen_plate.png", plate)
    save(tmp_path / "open" / "frame_00002_mug.png", MUG)
    save(tmp_path / "lang" / "table" / "00002" / "chosen_mug.png", MUG)
    for folder in (data, data / "label", data / "label" / "table"):
        assert score_predictions(DIRECT, folder, tmp_path / "open").figures == {"miou": 1, "acc25": 1, "acc50": 1}
    assert score_predictions(RENDERED, data, tmp_path / "lang").figures == {"miou": 1, "localisation": 1}


def test_the_mean_is_flat_over_pairs_and_accuracies_count_what_is_above(tmp_path: Path) -> None:
    data = lerf_ovs(tmp_path / "data")
    half = PLATES["frame_00002"] & (np.arange(240) < 190)  # 30 of 60 columns
    third = PLATES["frame_00003"] & (np.arange(240) < 170)  # 18 of 60
    save(tmp_path / "pred" / "frame_00002_plate.png", half)
    save(tmp_path / "pred" / "frame_00003_plate.png", third)
    score = score_predictions(DIRECT, data, tmp_path / "pred")
    assert score.figures["miou"] == pytest.approx((0.5 + 0.3 + 0) / 3)
    assert score.figures["acc25"] == pytest.approx(2 / 3) and score.figures["acc50"] == 0
    assert score.tasks[0].missing == ["frame_00002/mug"]


def test_openGaussians_level_is_10_and_langsplats_half(tmp_path: Path) -> None:
    data = lerf_ovs(tmp_path / "data")
    save(tmp_path / "pred" / "frame_00002_mug.png", MUG.astype(np.uint8) * 11)
    assert score_predictions(DIRECT, data, tmp_path / "pred").tasks[0].rows[0].iou == 1
    assert score_predictions(RENDERED, data, tmp_path / "pred").tasks[0].rows[0].iou == 0


def test_a_mask_is_localised_if_its_peak_lies_in_a_box_of_the_object(tmp_path: Path) -> None:
    data = lerf_ovs(tmp_path / "data")
    save(tmp_path / "pred" / "frame_00002_mug.png", rectangle(40, 40, 90, 90))
    save(tmp_path / "pred" / "frame_00002_plate.png", rectangle(20, 20, 60, 60))
    score = score_predictions(RENDERED, data, tmp_path / "pred")
    assert [row.localised for row in score.tasks[0].rows] == [True, False, False]
    assert score.figures["localisation"] == pytest.approx(1 / 3)


def test_a_known_scene_that_lacks_labelled_frames_lists_them(tmp_path: Path) -> None:
    lerf_ovs(tmp_path, "teatime")
    with pytest.raises(MaskError, match=r"teatime lacks frame_00025\.json, frame_00043\.json, .*00140\.json; LERF-OVS"):
        DIRECT.read(tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(MaskError, match=r"empty lacks label/<scene>/frame_<number>\.json; LERF-OVS is laid out as"):
        DIRECT.read(tmp_path / "empty")


def test_a_label_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "label" / "table" / "frame_00001.json"
    path.parent.mkdir(parents=True)
    for content in ("[]", "{}", "nonsense", '{"info": {"width": 4, "height": 0}, "objects": []}'):
        path.write_text(content)
        with pytest.raises(MaskError, match=r"frame_00001\.json is not a label of LERF-OVS"):
            DIRECT.read(tmp_path)
    write_label(path, [("line", [[0, 0], [5, 5]])], 240, 160)
    with pytest.raises(MaskError, match=r"a polygon of fewer than 3 corners \(line\)"):
        DIRECT.read(tmp_path)
