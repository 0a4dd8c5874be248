"""The middle of a pixel's light: as defined, at every SIMD level, and deaf to what shines through from far behind."""

from __future__ import annotations

import pytest
import torch
from scenes import camera, cloud

from splatseg.raster.interface import available_backends, prepare, rasterize_middle, rasterize_plan


def test_every_fast_backend_says_what_the_reference_says(fast_backend: str | None) -> None:
    scene = cloud(400, 1, seed=4, size=0.12, view=camera(75, 41, 50.0))
    values = torch.rand(400, generator=torch.Generator().manual_seed(1)) + 1.0
    native, reference = (prepare(*scene.geometry, scene.camera, backend=name) for name in (fast_backend, "reference"))
    found, expected = rasterize_middle(native, values), rasterize_middle(reference, values)
    assert (expected == 0).any() and (expected > 0).float().mean() > 0.3
    alphas = rasterize_plan(native, values[:, None])[1]
    sure = (alphas - 0.25).abs() > 1e-3  # at a quarter of the light the mean is over next to nothing
    torch.testing.assert_close(found[sure], expected[sure], atol=2e-3, rtol=2e-3)


@pytest.mark.parametrize("backend", available_backends())
def test_values_that_are_all_the_same_come_back_where_a_quarter_of_the_light_is_met(backend: str) -> None:
    scene = cloud(200, 1, seed=2, size=0.3, view=camera(40, 30, 30.0))
    plan = prepare(*scene.geometry, scene.camera, backend=backend)
    found = rasterize_middle(plan, torch.full((200,), 3.0))
    alphas = rasterize_plan(plan, torch.ones(200, 1))[1]
    torch.testing.assert_close(found[alphas > 0.26], torch.full_like(found[alphas > 0.26], 3.0))
    assert not found[alphas < 0.24].any()


@pytest.mark.parametrize("backend", available_backends())
def test_what_shines_through_from_far_behind_moves_nothing(backend: str) -> None:
    view = camera(16, 16, 16.0)
    means = torch.tensor([[0.0, 0.0, 2.0], [0.0, 0.0, 1000.0]])
    quats, scales = torch.tensor([[1.0, 0, 0, 0]] * 2), torch.tensor([[5.0] * 3, [5000.0] * 3])
    plan = prepare(means, quats, scales, torch.tensor([0.8, 0.9]), view, backend=backend)
    assert rasterize_middle(plan, means[:, 2])[8, 8] == pytest.approx(2.0)
    blended, alphas = rasterize_plan(plan, means[:, 2:].contiguous())
    assert float(blended[8, 8, 0] / alphas[8, 8]) > 100


def test_the_number_of_threads_changes_nothing() -> None:
    scene = cloud(400, 1, seed=4, size=0.3, view=camera(75, 41, 50.0))
    plan, before = prepare(*scene.geometry, scene.camera), torch.get_num_threads()
    values = torch.linspace(1, 2, 400)
    try:
        torch.set_num_threads(1)
        alone = rasterize_middle(plan, values)
        torch.set_num_threads(3)
        assert torch.equal(rasterize_middle(plan, values), alone)
    finally:
        torch.set_num_threads(before)


def test_values_that_do_not_fit_are_refused() -> None:
    scene = cloud(10, 1, seed=4, size=0.3, view=camera(16, 16, 16.0))
    with pytest.raises(ValueError, match="values must have shape"):
        rasterize_middle(prepare(*scene.geometry, scene.camera), torch.ones(9))
