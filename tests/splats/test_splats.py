"""What a set of Gaussians says of itself is what its parameters say."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from scenes import camera, colorful_splats

from splatseg.raster.interface import prepare, rasterize_plan


def test_reach_is_the_largest_scale_and_positions_are_the_means() -> None:
    splats = colorful_splats(20)
    assert splats.reach.shape == (20,) and splats.positions.shape == (20, 3)
    np.testing.assert_array_equal(splats.reach, splats.scales.numpy().max(1))
    np.testing.assert_array_equal(splats.positions, splats.means.numpy())


def test_arrays_come_from_parameters_that_are_being_fitted_too() -> None:
    splats = colorful_splats(5)
    fitted = dataclasses.replace(
        splats, means=splats.means.clone().requires_grad_(), log_scales=splats.log_scales.clone().requires_grad_()
    )
    np.testing.assert_array_equal(fitted.positions, splats.positions)
    np.testing.assert_array_equal(fitted.reach, splats.reach)


def test_a_prepared_splat_renders_as_its_parameters_do() -> None:
    splats, view = colorful_splats(50), camera()
    plan = prepare(splats.means, splats.quats, splats.scales, splats.opacities, view)
    colors = torch.rand(50, 3)
    for own in (splats.prepare(view), prepare(*splats.geometry, view)):
        assert torch.equal(rasterize_plan(own, colors)[0], rasterize_plan(plan, colors)[0])
