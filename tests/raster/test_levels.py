"""Nested selections in one pass show what each of them shows when it is blended, at every SIMD level."""

from __future__ import annotations

import pytest
import torch
from scenes import Scene, camera, cloud
from torch import Tensor

from splatseg.raster.interface import Plan, available_backends, prepare, rasterize_levels, rasterize_plan


def scene_and_levels(count: int) -> tuple[Scene, Tensor]:
    scene = cloud(400, 1, seed=4, size=0.15, view=camera(75, 41, 50.0))
    levels = torch.randint(0, count + 1, (400,), generator=torch.Generator().manual_seed(0), dtype=torch.uint8)
    return scene, levels


def blended_one_by_one(plan: Plan, levels: Tensor, count: int) -> Tensor:
    sets = (levels[:, None] >= torch.arange(1, count + 1)).float()
    return rasterize_plan(plan, sets)[0]


@pytest.mark.parametrize("count", [1, 2, 7, 40, 255])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_a_pixel_is_of_the_innermost_set_that_makes_up_more_than_its_share(
    fast_backend: str | None, count: int, share: float
) -> None:
    scene, levels = scene_and_levels(count)
    plan = prepare(*scene.geometry, scene.camera)
    shares = blended_one_by_one(plan, levels, count)
    found = rasterize_levels(plan, levels, count, share)
    close = (shares - share).abs().amin(-1) < 1e-5  # which side of the share may depend on the order of the sum
    assert close.float().mean() < 0.01
    assert torch.equal(found[~close].long(), (shares > share).sum(-1)[~close])
    assert found.max() > 0 and found.min() == 0


@pytest.mark.parametrize("few", [1, 3, 20])
def test_tiles_without_any_of_a_small_set_show_nothing_and_the_others_what_they_show(
    fast_backend: str | None, few: int
) -> None:
    scene = cloud(400, 1, seed=4, size=0.15, view=camera(299, 165, 200.0))
    plan = prepare(*scene.geometry, scene.camera)
    for seed in range(5):
        levels = torch.zeros(400, dtype=torch.uint8)
        levels[torch.randperm(400, generator=torch.Generator().manual_seed(seed))[:few]] = 2
        shares = blended_one_by_one(plan, levels, 2)
        found = rasterize_levels(plan, levels, 2, 0.3)
        close = (shares - 0.3).abs().amin(-1) < 1e-5
        assert torch.equal(found[~close].long(), (shares > 0.3).sum(-1)[~close])


def test_the_reference_says_the_same() -> None:
    scene, levels = scene_and_levels(9)
    native, reference = (prepare(*scene.geometry, scene.camera, backend=name) for name in ("native", "reference"))
    differ = rasterize_levels(native, levels, 9, 0.5) != rasterize_levels(reference, levels, 9, 0.5)
    assert differ.float().mean() < 0.002


def test_the_number_of_threads_changes_nothing() -> None:
    scene, levels = scene_and_levels(40)
    plan, before = prepare(*scene.geometry, scene.camera), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = rasterize_levels(plan, levels, 40, 0.5)
        torch.set_num_threads(3)
        assert torch.equal(rasterize_levels(plan, levels, 40, 0.5), alone)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("backend", available_backends())
def test_no_gaussians_and_no_levels_show_nothing(backend: str) -> None:
    empty = cloud(0, 1)
    plan = prepare(*empty.geometry, empty.camera, backend=backend)
    assert not rasterize_levels(plan, torch.zeros(0, dtype=torch.uint8), 3, 0.5).any()
    scene, levels = scene_and_levels(1)
    plan = prepare(*scene.geometry, scene.camera, backend=backend)
    assert not rasterize_levels(plan, torch.zeros_like(levels), 0, 0.5).any()


def test_levels_that_do_not_fit_are_refused() -> None:
    scene, levels = scene_and_levels(5)
    plan = prepare(*scene.geometry, scene.camera)
    with pytest.raises(ValueError, match="levels must have shape"):
        rasterize_levels(plan, levels[:-1], 5, 0.5)
    with pytest.raises(ValueError, match=r"levels must be in 0..count"):
        rasterize_levels(plan, levels, 3, 0.5)
