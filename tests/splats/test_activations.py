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


def test_opacities_are_those_of_the_sigmoid_with_its_gradient():
    logits = torch.linspace(-100, 100, 2001, dtype=torch.float64).requires_grad_()
    expected = torch.sigmoid(logits)
    found = to_opacities(logits)
    torch.testing.assert_close(found, expected, rtol=1e-12, atol=1e-30)
    gradient, wanted = (torch.autograd.grad(values.sum(), logits)[0] for values in (found, expected))
    torch.testing.assert_close(gradient, wanted, rtol=1e-9, atol=1e-15)
    assert to_opacities(torch.tensor(float("nan"))).isnan()


def test_opacities_have_the_same_bits_on_any_number_of_threads(set_threads):
    logits = 3.0 * torch.randn(100_003, generator=torch.Generator().manual_seed(0))
    set_threads(1)
    alone = to_opacities(logits)
    for threads in (2, 3, 4, 7):
        set_threads(threads)
        assert torch.equal(to_opacities(logits), alone), f"{threads} threads"
