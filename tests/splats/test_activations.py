"""The ways between parameters and physical values undo each other and stay finite at the ends."""

from __future__ import annotations

import torch

from splatseg.splats.activations import to_log_scales, to_opacities, to_opacity_logits, to_scales


def test_physical_values_survive_the_way_there_and_back() -> None:
    scales, opacities = torch.logspace(-6, 3, 50), torch.linspace(0.001, 0.999, 50)
    torch.testing.assert_close(to_scales(to_log_scales(scales)), scales)
    torch.testing.assert_close(to_opacities(to_opacity_logits(opacities)), opacities)


def test_the_ends_stay_finite_and_no_picture_changes() -> None:
    logits = to_opacity_logits(torch.tensor([0.0, 1.0]))
    assert torch.isfinite(logits).all()
    assert to_opacities(logits)[0] < 1 / 255 and to_opacities(logits)[1] > 0.999
    assert torch.isfinite(to_log_scales(torch.tensor([0.0, -1.0]))).all()


def test_nan_stays_nan_so_that_it_can_be_found() -> None:
    nan = torch.tensor([torch.nan])
    assert to_log_scales(nan).isnan().all() and to_opacity_logits(nan).isnan().all()
