"""SPIn-NeRF: the first view prompts, all views are scored."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from benchmark_layouts import copy_masks, save, spin_nerf, true_mask

from splatseg.errors import MaskError
from splatseg.evaluate.protocols.registry import PROTOCOLS
from splatseg.evaluate.protocols.score import score_predictions
from splatseg.evaluate.protocols.spin_nerf import image_of

SPIN = PROTOCOLS["spin-nerf"]


def test_perfect_predictions_score_1_and_cut_outs_are_no_masks(tmp_path: Path) -> None:
    data = spin_nerf(tmp_path / "data" / "table (ours)")
    pred = copy_masks(data, tmp_path / "pred" / "table (ours)")
    score = score_predictions(SPIN, tmp_path / "data", pred.parent)
    assert set(score.figures.values()) == {1.0}
    assert [(row.view, row.is_reference) for row in score.tasks[0].rows] == [
        *(("001", True), ("002", False), ("008", False))
    ]
    assert SPIN.read(data)[0].capture == "table"


def test_the_prompts_view_counts_but_a_figure_without_it_stands_beside(tmp_path: Path) -> None:
    data = spin_nerf(tmp_path / "table")
    inter = union = 0
    ious = []
    for index, view in enumerate(("001", "002", "008")):
        truth = true_mask(f"{view}.jpg", 18)
        pred = np.roll(truth, 3 * index, axis=0)
        save(tmp_path / "pred" / f"{view}.png", pred)
        inter, union = inter + (pred & truth).sum(), union + (pred | truth).sum()
        ious.append((pred & truth).sum() / (pred | truth).sum())
    figures = score_predictions(SPIN, data, tmp_path / "pred").figures
    assert ious[0] == 1 and figures["miou"] == pytest.approx(np.mean(ious), abs=1e-6)
    assert figures["miou_other_views"] == pytest.approx(np.mean(ious[1:]), abs=1e-6)
    assert figures["pooled_iou"] == pytest.approx(inter / union, abs=1e-6)


def test_a_missing_view_scores_0_and_counts_in_the_pooled_union(tmp_path: Path) -> None:
    data = spin_nerf(tmp_path / "table")
    pred = copy_masks(data, tmp_path / "pred")
    (pred / "008.png").unlink()
    score = score_predictions(SPIN, data, pred)
    areas = [true_mask(f"{view}.jpg", 18).sum() for view in ("001", "002", "008")]
    assert score.figures["miou"] == pytest.approx(2 / 3) and score.tasks[0].missing == ["008/object"]
    assert score.figures["pooled_iou"] == pytest.approx(sum(areas[:2]) / sum(areas))


def test_masks_find_their_photographs_by_name_by_index_and_behind_a_prefix() -> None:
    names = ["IMG_4026.JPG", "IMG_4027.JPG", "IMG_4028.JPG"]
    assert image_of("IMG_4027", names) == "IMG_4027.JPG"
    assert image_of("image002", names) == "IMG_4028.JPG" and image_of("image003", names) is None
    assert image_of("1_00045", ["00045.png"]) == "00045.png"
    assert image_of("other", names) is None


def test_a_scene_of_fewer_than_two_masks_is_told(tmp_path: Path) -> None:
    spin_nerf(tmp_path / "fern (llff)")
    spin_nerf(tmp_path / "fork", views=("001.jpg",))
    with pytest.raises(MaskError, match=r"lacks fork/<view>\.png; SPIn-NeRF is laid out as <scene>/<view>\.png"):
        SPIN.read(tmp_path)
    (tmp_path / "nothing").mkdir()
    with pytest.raises(MaskError, match=r"nothing lacks <scene>/<view>\.png"):
        SPIN.read(tmp_path / "nothing")
