"""Growth and pruning: who is cloned, split, removed; the limit of number; what children look like."""

from __future__ import annotations

import numpy as np
import pytest
import scenes
import torch

from splatseg.cameras.camera import Camera
from splatseg.train import density
from splatseg.train.settings import TrainSettings

SETTINGS = TrainSettings(clone_scale=0.01, prune_scale=0.1, prune_opacity=0.005, grow_gradient=1.0)


def parameters(scales: list[float], opacities: list[float] | None = None) -> dict[str, torch.Tensor]:
    count = len(scales)
    opacity = torch.tensor(opacities or [0.5] * count)
    return {
        "means": torch.arange(count, dtype=torch.float32)[:, None].repeat(1, 3),
        "quats": torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(count, 1),
        "log_scales": torch.tensor(scales).log()[:, None].repeat(1, 3),
        "opacity_logits": torch.logit(opacity),
    }


def test_small_ones_are_cloned_large_ones_split_and_the_rest_stays():
    edit = density.plan_growth(parameters([0.001, 0.02, 0.001]), torch.tensor([2.0, 2.0, 0.5]), SETTINGS, extent=1.0)
    assert edit.source.tolist() == [0, 2, 0, 1, 1]
    assert edit.fresh.tolist() == [False, False, True, True, True]
    assert edit.split.tolist() == [False, False, False, True, True]


def test_sizes_are_measured_in_extents_of_the_scene():
    edit = density.plan_growth(parameters([0.02]), torch.tensor([2.0]), SETTINGS, extent=100.0)
    assert edit.split.tolist() == [False, False]


def test_the_number_never_passes_its_limit_and_the_largest_gradients_go_first():
    settings = TrainSettings(grow_gradient=1.0, max_gaussians=6)
    gradients = torch.tensor([2.0, 5.0, 3.0, 5.0])
    edit = density.plan_growth(parameters([0.001] * 4), gradients, settings, extent=1.0)
    assert edit.source.tolist() == [0, 1, 2, 3, 1, 3]
    full = density.plan_growth(parameters([0.001] * 6), torch.full((6,), 9.0), settings, extent=1.0)
    assert not full.changes(6)


def test_faint_damaged_and_too_large_gaussians_are_removed():
    values = parameters([0.01, 0.01, 0.01, 0.5], [0.5, 0.001, 0.5, 0.5])
    values["means"][2, 0] = float("nan")
    edit = density.plan_growth(values, torch.zeros(4), SETTINGS, extent=1.0)
    assert density.without_useless(edit, values, SETTINGS, 1.0, prune_large=True).source.tolist() == [0]
    assert density.without_useless(edit, values, SETTINGS, 1.0, prune_large=False).source.tolist() == [0, 3]


def test_an_edit_that_removes_everything_is_a_change():
    values = parameters([0.01], [0.001])
    edit = density.without_useless(
        density.plan_growth(values, torch.zeros(1), SETTINGS, 1.0), values, SETTINGS, 1.0, False
    )
    assert len(edit.source) == 0 and edit.changes(1)


def after(values: dict[str, torch.Tensor], edit: density.Edit) -> dict[str, torch.Tensor]:
    offsets = density.offsets_of_children(values, edit, np.random.default_rng(0))
    return {name: density.edited(name, value, edit, offsets) for name, value in values.items()}


def test_children_of_a_split_lie_within_the_parent_and_are_smaller():
    values = parameters([0.02])
    values["log_scales"] = torch.tensor([[3.0, 0.02, 0.02]]).log()
    half = np.sqrt(0.5)
    values["quats"] = torch.tensor([[half, 0.0, 0.0, half]], dtype=torch.float32)  # x axis turned to y
    edit = density.Edit(torch.zeros(2000, dtype=torch.long), torch.ones(2000, dtype=torch.bool), torch.ones(2000) > 0)
    children = after(values, edit)
    spread = (children["means"] - values["means"]).std(0)
    assert spread[1] == pytest.approx(3.0, rel=0.1)
    assert spread[0] == pytest.approx(0.02, rel=0.1)
    torch.testing.assert_close(children["log_scales"].exp()[0], torch.tensor([3.0, 0.02, 0.02]) / 1.6)


def test_an_edit_leaves_the_old_parameters_as_they_were():
    values = parameters([0.02, 0.03])
    before = {name: value.clone() for name, value in values.items()}
    edit = density.plan_growth(values, torch.tensor([2.0, 2.0]), SETTINGS, extent=1.0)
    after(values, edit)
    assert all(torch.equal(values[name], before[name]) for name in values)


def test_gradients_are_averaged_over_the_views_that_drew_the_gaussian_in_units_of_half_the_image():
    statistics = density.Statistics.empty(torch.zeros(2, 3))
    camera: Camera = scenes.camera(width=20, height=10)
    statistics.observe(torch.tensor([[3.0, 0.0], [0.0, 0.0]]), torch.tensor([4, 0]), camera)
    statistics.observe(torch.tensor([[0.0, 2.0], [0.0, 0.0]]), torch.tensor([4, 0]), camera)
    assert statistics.means().tolist() == [20.0, 0.0]  # (3 * 10 + 2 * 5) / 2


def test_a_gradient_that_is_not_finite_counts_for_nothing():
    statistics = density.Statistics.empty(torch.zeros(1, 3))
    statistics.observe(torch.tensor([[float("nan"), 0.0]]), torch.tensor([1]), scenes.camera())
    assert statistics.means().tolist() == [0.0]


def test_a_reset_lowers_opacities_and_raises_none():
    reset = density.reset_opacities(torch.logit(torch.tensor([0.9, 0.006]))).sigmoid()
    torch.testing.assert_close(reset, torch.tensor([0.01, 0.006]))


def test_the_extent_is_positive_even_for_one_camera():
    assert density.extent_of([scenes.camera()]) == 1.0
