"""Inputs at the edge: none, hostile, degenerate, out of sight. Both backends must take them alike."""

from __future__ import annotations

import pytest
import torch
from scenes import Scene, camera, cloud
from torch import Tensor

from splatseg.errors import BackendError
from splatseg.raster.interface import Raster, accumulate, available_backends, prepare, rasterize, rasterize_plan

BACKENDS = available_backends()
NAMES = ("means", "quats", "scales", "opacities")


def render(
    geometry: dict[str, Tensor], features: Tensor, scene: Scene, backend: str
) -> tuple[Raster, dict[str, Tensor]]:
    """A picture, and the gradients of the sum of its squares."""
    inputs = {n: t.clone().requires_grad_() for n, t in {**geometry, "features": features}.items()}
    offset = torch.zeros(len(features), 2, requires_grad=True)
    raster = rasterize(*inputs.values(), scene.camera, backend=backend, means2d_offset=offset)
    (raster.features.square().sum() + raster.alphas.sum()).backward()
    gradients = {n: t.grad if t.grad is not None else torch.zeros_like(t) for n, t in inputs.items()}
    return raster, {**gradients, "offset": offset.grad if offset.grad is not None else torch.zeros_like(offset)}


def with_guest(scene: Scene, **changes: Tensor) -> tuple[dict[str, Tensor], Tensor]:
    """The scene with one more Gaussian in the middle of it, changed as asked."""
    guest = {
        "means": torch.tensor([0.0, 0.0, 2.5]),
        "quats": torch.tensor([1.0, 0.0, 0.0, 0.0]),
        "scales": torch.full((3,), 0.2),
        "opacities": torch.tensor(0.7),
    }
    guest |= changes
    geometry = {n: torch.cat([t, guest[n][None]]) for n, t in zip(NAMES, scene.geometry, strict=True)}
    return geometry, torch.cat([scene.features, torch.full((1, scene.features.shape[1]), 5.0)])


def assert_guest_unseen(scene: Scene, backend: str, **changes: Tensor) -> None:
    plain, plain_gradients = render(dict(zip(NAMES, scene.geometry, strict=True)), scene.features, scene, backend)
    raster, gradients = render(*with_guest(scene, **changes), scene, backend)
    assert torch.equal(raster.features, plain.features)
    assert torch.equal(raster.alphas, plain.alphas)
    assert raster.radii[-1] == 0
    for name, gradient in gradients.items():
        assert torch.equal(gradient[-1], torch.zeros_like(gradient[-1])), f"{name}: {gradient[-1]}"
        torch.testing.assert_close(gradient[:-1], plain_gradients[name], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("name", NAMES)
def test_a_gaussian_that_is_not_finite_leaves_no_trace(backend: str, name: str, value: float) -> None:
    scene = cloud(20)
    poisoned = with_guest(scene)[0][name][-1].clone()
    poisoned.view(-1)[-1] = value
    assert_guest_unseen(scene, backend, **{name: poisoned})


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_zero_quaternion_leaves_no_trace(backend: str) -> None:
    assert_guest_unseen(cloud(20), backend, quats=torch.zeros(4))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(
    "place", [(0.0, 0.0, -2.0), (0.0, 0.0, 0.0), (0.0, 0.0, 0.009), (50.0, 0.0, 2.0), (0.0, -90.0, 2.0)]
)
def test_behind_the_camera_or_off_screen_leaves_no_trace(backend: str, place: tuple[float, float, float]) -> None:
    assert_guest_unseen(cloud(20), backend, means=torch.tensor(place))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("opacity", [0.0, 0.0039])
def test_too_faint_to_count_leaves_no_trace(backend: str, opacity: float) -> None:
    assert_guest_unseen(cloud(20), backend, opacities=torch.tensor(opacity))


@pytest.mark.parametrize("backend", BACKENDS)
def test_features_of_the_unseen_may_be_anything(backend: str) -> None:
    scene = cloud(20)
    geometry, features = with_guest(scene, means=torch.tensor([0.0, 0.0, -1.0]))
    features[-1] = float("nan")
    raster, gradients = render(geometry, features, scene, backend)
    assert torch.isfinite(raster.features).all()
    assert all(torch.isfinite(g).all() for g in gradients.values())


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_gaussians_give_an_empty_picture(backend: str) -> None:
    scene = cloud(0, channels=4)
    raster, gradients = render(dict(zip(NAMES, scene.geometry, strict=True)), scene.features, scene, backend)
    assert raster.features.shape == (16, 24, 4)
    assert not raster.features.any()
    assert not raster.alphas.any()
    assert all(g.shape[0] == 0 for g in gradients.values())


@pytest.mark.parametrize("backend", BACKENDS)
def test_all_off_screen_give_an_empty_picture_and_zero_gradients(backend: str) -> None:
    scene = cloud(30)
    geometry = dict(zip(NAMES, scene.geometry, strict=True))
    geometry["means"] = geometry["means"] * torch.tensor([1.0, 1.0, -1.0])
    raster, gradients = render(geometry, scene.features, scene, backend)
    assert not raster.features.any()
    assert not raster.radii.any()
    assert not any(g.any() for g in gradients.values())


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_huge_gaussian_covers_every_pixel(backend: str) -> None:
    scene = cloud(1, channels=1, view=camera(50, 40))
    ones = torch.ones(1, 1)
    raster = rasterize(
        torch.tensor([[0.0, 0.0, 3.0]]),
        scene.quats,
        torch.full((1, 3), 1e4),
        0.5 * ones[0],
        ones,
        scene.camera,
        backend=backend,
    )
    torch.testing.assert_close(raster.alphas, torch.full((40, 50), 0.5), atol=1e-4, rtol=0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_needle_seen_end_on_and_a_flat_disc_stay_finite(backend: str) -> None:
    scene = cloud(1, channels=2)
    for scales in ([1e-9, 1e-9, 1e3], [1e3, 1e-9, 1e3], [0.0, 0.0, 0.0]):
        geometry = {
            "means": torch.tensor([[0.05, 0.0, 2.0]]),
            "quats": torch.tensor([[1.0, 0.3, 0.2, 0.1]]),
            "scales": torch.tensor([scales]),
            "opacities": torch.tensor([0.9]),
        }
        raster, gradients = render(geometry, scene.features, scene, backend)
        assert torch.isfinite(raster.features).all()
        assert all(torch.isfinite(g).all() for g in gradients.values()), scales


@pytest.mark.parametrize("backend", BACKENDS)
def test_opaque_layers_stop_the_pixel_before_the_transmittance_reaches_its_end(backend: str) -> None:
    count = 5
    means = torch.zeros(count, 3)
    means[:, 2] = torch.arange(1, count + 1)
    quats = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(count, 1)
    raster = rasterize(
        means, quats, torch.full((count, 3), 50.0), torch.ones(count), torch.eye(count), camera(4, 4), backend=backend
    )
    # 1 - 0.999 = 1e-3 stays; a second layer would leave 1e-6 <= 1e-4, so it is not blended.
    torch.testing.assert_close(raster.features[0, 0], torch.tensor([0.999, 0, 0, 0, 0]), atol=1e-6, rtol=0)
    torch.testing.assert_close(raster.alphas, torch.full((4, 4), 0.999), atol=1e-6, rtol=0)


@pytest.mark.parametrize("backend", BACKENDS)
def test_equal_depths_go_by_index(backend: str) -> None:
    count = 40
    means = torch.tensor([[0.0, 0.0, 2.0]]).repeat(count, 1)
    quats = torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(count, 1)
    raster = rasterize(
        means,
        quats,
        torch.full((count, 3), 0.5),
        torch.full((count,), 0.1),
        torch.eye(count),
        camera(8, 8),
        backend=backend,
    )
    weights = raster.features[4, 4]
    assert (weights[:-1] > weights[1:]).all()


@pytest.mark.parametrize("backend", BACKENDS)
def test_no_channels_still_give_alphas(backend: str) -> None:
    scene = cloud(20, channels=0)
    raster = rasterize(*scene.geometry, scene.features, scene.camera, backend=backend)
    assert raster.features.shape == (16, 24, 0)
    assert raster.alphas.max() > 0.1


@pytest.mark.parametrize("backend", BACKENDS)
def test_views_that_are_not_contiguous_are_read_rightly(backend: str) -> None:
    scene = cloud(20, channels=6)
    plain = rasterize(*scene.geometry, scene.features[:, ::2].contiguous(), scene.camera, backend=backend)
    strided = [t.repeat_interleave(2, dim=0)[::2] for t in scene.geometry]
    assert torch.equal(
        rasterize(*strided, scene.features[:, ::2], scene.camera, backend=backend).features, plain.features
    )


@pytest.mark.parametrize("backend", BACKENDS)
def test_shapes_that_do_not_agree_are_named(backend: str) -> None:
    scene = cloud(5)
    with pytest.raises(ValueError, match="opacities must have shape"):
        rasterize(*scene.geometry[:3], scene.opacities[:4], scene.features, scene.camera, backend=backend)
    plan = prepare(*scene.geometry, scene.camera, backend=backend)
    with pytest.raises(ValueError, match="values must have shape"):
        accumulate(plan, torch.zeros(3, 3, 1))
    with pytest.raises(AssertionError, match="the plan has 5 Gaussians"):
        rasterize_plan(plan, torch.zeros(4, 2))


def test_an_unknown_backend_is_an_error_that_names_the_others() -> None:
    scene = cloud(2)
    with pytest.raises(BackendError, match=r"no rasteriser backend 'cuda'; choose one of native, warp, gsplat"):
        rasterize(*scene.geometry, scene.features, scene.camera, backend="cuda")
