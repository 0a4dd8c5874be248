"""A label map in one pass is the largest of all labels blended one by one, at every SIMD level."""

from __future__ import annotations

import pytest
import torch
from scenes import Scene, camera, cloud
from torch import Tensor

from splatseg.raster.interface import Plan, available_backends, prepare, rasterize_labels, rasterize_plan


def scene_and_labels(count: int, size: float = 0.15, gaussians: int = 400) -> tuple[Scene, Tensor]:
    scene = cloud(gaussians, 1, seed=4, size=size, view=camera(75, 41, 50.0))
    labels = torch.randint(0, count + 1, (gaussians,), generator=torch.Generator().manual_seed(0), dtype=torch.int32)
    return scene, labels


def blended_one_by_one(plan: Plan, labels: Tensor, count: int) -> Tensor:
    """The share (H,W,count+1) of every label; light that passes through counts as label 0."""
    shares, alphas = rasterize_plan(plan, (labels[:, None] == torch.arange(count + 1)).float())
    shares[..., 0] += 1 - alphas
    return shares


@pytest.mark.parametrize("count", [1, 2, 7, 40, 399])
@pytest.mark.parametrize("size", [0.05, 0.15, 0.6])
def test_a_pixel_has_the_label_that_makes_up_most_of_it(fast_backend: str | None, count: int, size: float) -> None:
    scene, labels = scene_and_labels(count, size)
    plan = prepare(*scene.geometry, scene.camera)
    shares = blended_one_by_one(plan, labels, count)
    found = rasterize_labels(plan, labels, count)
    first, second = shares.topk(2).values.unbind(-1)
    clear = first - second > 1e-5  # what is closer may depend on the order of the sum
    assert clear.float().mean() > 0.99
    assert torch.equal(found[clear].long(), shares.argmax(-1)[clear])
    assert found.any()


@pytest.mark.parametrize("backend", available_backends())
def test_of_equal_shares_none_wins_and_then_the_smaller_label(backend: str) -> None:
    one = cloud(1, 1, size=3.0, view=camera(40, 30, 50.0))
    means, quats, scales, opacities = one.geometry
    opacities = torch.full_like(opacities, 0.5)

    def shown(*labels: int) -> set[int]:
        copies = len(labels)
        geometry = [tensor.repeat(copies, *[1] * (tensor.ndim - 1)) for tensor in (means, quats, scales, opacities)]
        plan = prepare(*geometry, one.camera, backend=backend)
        found = rasterize_labels(plan, torch.tensor(labels, dtype=torch.int32), 9)
        return set(found[10:20, 15:25].unique().tolist())

    assert shown(7) == {0}  # never more than half
    assert shown(7, 7) == {7}
    shares = blended_one_by_one(prepare(means, quats, scales, opacities, one.camera), torch.tensor([7]), 9)
    assert (shares[..., 7] <= shares[..., 0]).all()


@pytest.mark.parametrize("backend", available_backends())
def test_light_that_passes_through_is_none(backend: str) -> None:
    scene, labels = scene_and_labels(5)
    means, quats, scales, opacities = scene.geometry
    plan = prepare(means, quats, scales, opacities * 0.01, scene.camera, backend=backend)
    assert not rasterize_labels(plan, labels, 5).any()


def test_the_reference_says_the_same() -> None:
    scene, labels = scene_and_labels(9)
    native, reference = (prepare(*scene.geometry, scene.camera, backend=name) for name in ("native", "reference"))
    differ = rasterize_labels(native, labels, 9) != rasterize_labels(reference, labels, 9)
    assert differ.float().mean() < 0.002


def test_more_labels_than_a_tile_has_room_for_at_first_are_all_there() -> None:
    scene, labels = scene_and_labels(2999, size=0.01, gaussians=3000)
    labels = torch.arange(1, 3001, dtype=torch.int32)
    plan = prepare(*scene.geometry, scene.camera)
    shares = blended_one_by_one(plan, labels, 3000)
    clear = shares.topk(2).values.diff(dim=-1).abs()[..., 0] > 1e-5
    found = rasterize_labels(plan, labels, 3000)
    assert torch.equal(found[clear].long(), shares.argmax(-1)[clear])
    assert found.unique().numel() > 300


def test_the_number_of_threads_changes_nothing() -> None:
    scene, labels = scene_and_labels(40)
    plan, before = prepare(*scene.geometry, scene.camera), torch.get_num_threads()
    try:
        torch.set_num_threads(1)
        alone = rasterize_labels(plan, labels, 40)
        torch.set_num_threads(3)
        assert torch.equal(rasterize_labels(plan, labels, 40), alone)
    finally:
        torch.set_num_threads(before)


@pytest.mark.parametrize("backend", available_backends())
def test_no_gaussians_and_no_labels_show_nothing(backend: str) -> None:
    empty = cloud(0, 1)
    plan = prepare(*empty.geometry, empty.camera, backend=backend)
    assert not rasterize_labels(plan, torch.zeros(0, dtype=torch.int32), 3).any()
    scene, labels = scene_and_labels(1)
    plan = prepare(*scene.geometry, scene.camera, backend=backend)
    assert not rasterize_labels(plan, torch.zeros_like(labels), 0).any()


def test_labels_that_do_not_fit_are_refused() -> None:
    scene, labels = scene_and_labels(5)
    plan = prepare(*scene.geometry, scene.camera)
    with pytest.raises(ValueError, match="labels must have shape"):
        rasterize_labels(plan, labels[:-1], 5)
    for wrong in (labels + 1, labels - 1):
        with pytest.raises(ValueError, match=r"labels must be in 0..count"):
            rasterize_labels(plan, wrong, 5)
