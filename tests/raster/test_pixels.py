"""Sampled pixels: the values, gradients and contributors that the whole picture has there, at every SIMD level."""

from __future__ import annotations

import pytest
import torch
from scenes import Scene, camera, cloud
from torch import Tensor

import splatseg._native as _native  # noqa: PLR0402 (from the package would import its public face)
from splatseg.raster.interface import (
    accumulate,
    available_backends,
    contributors,
    prepare,
    prepare_pixels,
    rasterize_pixels,
    rasterize_plan,
)


def sample(scene: Scene, count: int, seed: int = 3) -> Tensor:
    size = torch.tensor([scene.camera.width, scene.camera.height])
    return (torch.rand(count, 2, generator=torch.Generator().manual_seed(seed)) * size).long()


def blended_with_gradient(scene: Scene, pixels: Tensor, backend: str, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    plan = prepare(*[t.to(dtype) for t in scene.geometry], scene.camera, backend=backend)
    features = scene.features.to(dtype).requires_grad_()
    blended = rasterize_pixels(plan, features, pixels)
    weights = torch.randn(blended.shape, generator=torch.Generator().manual_seed(1))
    (gradient,) = torch.autograd.grad(blended, features, weights.to(dtype))
    return blended.detach().double(), gradient.double()


@pytest.mark.parametrize("channels", [1, 3, 16, 19, 33, 120])
def test_values_and_gradients_agree_with_the_reference_for_any_number_of_channels(
    fast_backend: str | None, channels: int
) -> None:
    scene = cloud(200, channels, seed=1, size=0.1, view=camera(75, 41, 50.0))
    pixels = sample(scene, 150)  # of some tiles many, of some few; some twice
    native = blended_with_gradient(scene, pixels, fast_backend, torch.float32)
    reference = blended_with_gradient(scene, pixels, "reference", torch.float64)
    for found, expected in zip(native, reference, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 3, 5, 16])
@pytest.mark.parametrize("count", [1, 2, 7])
def test_the_last_gaussians_of_the_array_are_read_no_further_than_it_goes(
    fast_backend: str | None, channels: int, count: int
) -> None:
    scene = cloud(count, channels, seed=2, size=0.5, view=camera(20, 20, 15.0))
    pixels = sample(scene, 40)
    native = blended_with_gradient(scene, pixels, fast_backend, torch.float32)
    reference = blended_with_gradient(scene, pixels, "reference", torch.float64)
    for found, expected in zip(native, reference, strict=True):
        torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_a_pixel_of_very_many_gaussians_is_exact(fast_backend: str | None) -> None:
    scene = cloud(1500, 2, seed=3, size=30.0, view=camera(6, 5, 5.0))
    thin = Scene(scene.means, scene.quats, scene.scales, torch.full((1500,), 0.0045), scene.features, scene.camera)
    pixels = sample(scene, 9)
    plan = prepare(*thin.geometry, thin.camera, backend=fast_backend)
    found = contributors(plan, pixels)
    assert int(found.indptr.diff().max()) > 1000
    exact = prepare(*[t.double() for t in thin.geometry], thin.camera, backend="reference")
    expected = contributors(exact, pixels)
    assert torch.equal(found.indptr, expected.indptr)
    assert torch.equal(found.columns, expected.columns)
    torch.testing.assert_close(found.weights.double(), expected.weights, atol=1e-7, rtol=1e-3)


def test_every_pixel_sampled_once_is_the_picture(fast_backend: str | None) -> None:
    scene = cloud(1500, 3, seed=5, size=0.05, view=camera(40, 35, 25.0))
    y, x = torch.meshgrid(torch.arange(35), torch.arange(40), indexing="ij")
    pixels = torch.stack([x.flatten(), y.flatten()], 1)
    plan = prepare(*scene.geometry, scene.camera, backend=fast_backend)
    blended, alphas = rasterize_plan(plan, scene.features)
    assert (alphas > 0.9995).any()  # some pixels stop before their last Gaussian
    torch.testing.assert_close(
        rasterize_pixels(plan, scene.features, pixels), blended.reshape(-1, 3), atol=1e-6, rtol=1e-5
    )
    features = scene.features.clone().requires_grad_()
    values = torch.randn(35, 40, 3, generator=torch.Generator().manual_seed(2))
    (gradient,) = torch.autograd.grad(rasterize_pixels(plan, features, pixels), features, values.reshape(-1, 3))
    torch.testing.assert_close(gradient, accumulate(plan, values), atol=1e-4, rtol=1e-5)


def test_contributors_come_front_to_back_and_sum_to_alpha(fast_backend: str | None) -> None:
    scene = cloud(300, 1, seed=6, size=0.1, view=camera(50, 40, 35.0))
    plan = prepare(*scene.geometry, scene.camera, backend=fast_backend)
    pixels = sample(scene, 60)
    found = contributors(plan, pixels)
    _, alphas = rasterize_plan(plan, scene.features)
    depths = scene.means[:, 2]  # the camera stands at the origin and looks along z
    assert found.width == 300
    for row, (x, y) in enumerate(pixels.tolist()):
        here = slice(int(found.indptr[row]), int(found.indptr[row + 1]))
        assert (depths[found.columns[here].long()].diff() >= 0).all()
        torch.testing.assert_close(found.weights[here].sum(), alphas[y, x], atol=1e-6, rtol=1e-5)


def test_a_pixel_plan_gives_the_same_bits_again_and_again_for_any_features() -> None:
    scene = cloud(100, 4, seed=7, view=camera(45, 35, 35.0))
    plan = prepare(*scene.geometry, scene.camera, backend="native")
    pixels = sample(scene, 70)
    kept = prepare_pixels(plan, pixels)
    assert kept.size > 0
    for features in (scene.features, 2 * scene.features, scene.features[:, :1]):
        assert torch.equal(rasterize_pixels(kept, features), rasterize_pixels(plan, features, pixels))


@pytest.mark.parametrize("backend", available_backends())
def test_a_gradient_is_the_slope_of_a_linear_function(backend: str) -> None:
    scene = cloud(40, 3, seed=8, view=camera(45, 35, 35.0))
    plan = prepare(*scene.geometry, scene.camera, backend=backend)
    kept = prepare_pixels(plan, sample(scene, 50))
    features = scene.features.clone().requires_grad_()
    weights = torch.randn(50, 3, generator=torch.Generator().manual_seed(1))
    direction = torch.randn(40, 3, generator=torch.Generator().manual_seed(2))
    (gradient,) = torch.autograd.grad(rasterize_pixels(kept, features), features, weights)
    with torch.no_grad():
        slope = (rasterize_pixels(kept, direction) * weights).sum()
    torch.testing.assert_close((gradient * direction).sum(), slope, atol=1e-4, rtol=1e-4)


def test_the_reference_passes_gradcheck_in_float64() -> None:
    scene = cloud(6, 2, seed=9, dtype=torch.float64, size=0.2, view=camera(6, 5, focal=6.0))
    kept = prepare_pixels(prepare(*scene.geometry, scene.camera), sample(scene, 8))
    assert torch.autograd.gradcheck(lambda f: rasterize_pixels(kept, f), scene.features.requires_grad_())


def test_any_number_of_threads_gives_the_same_bits(fast_backend: str | None) -> None:
    scene = cloud(3000, 19, seed=10, size=0.05, view=camera(150, 110, 100.0))
    pixels = sample(scene, 2000)

    def everything() -> list[Tensor]:
        plan = prepare(*scene.geometry, scene.camera, backend=fast_backend)
        features = scene.features.clone().requires_grad_()
        blended = rasterize_pixels(plan, features, pixels)
        blended.square().sum().backward()
        assert features.grad is not None
        found = contributors(plan, pixels)
        return [blended.detach(), features.grad, found.indptr, found.columns, found.weights]

    torch.set_num_threads(1)
    alone = everything()
    for threads in (2, 3, 7):
        torch.set_num_threads(threads)
        assert all(torch.equal(a, b) for a, b in zip(everything(), alone, strict=True)), f"{threads} threads"


@pytest.mark.parametrize("backend", available_backends())
@pytest.mark.parametrize(("gaussians", "count"), [(0, 5), (20, 0), (0, 0), (20, 1)])
def test_nothing_to_blend_or_nowhere_to_is_no_special_case(backend: str, gaussians: int, count: int) -> None:
    scene = cloud(gaussians, 3)
    plan = prepare(*scene.geometry, scene.camera, backend=backend)
    pixels = sample(scene, count)
    features = scene.features.clone().requires_grad_()
    blended = rasterize_pixels(plan, features, pixels)
    assert blended.shape == (count, 3)
    (gradient,) = torch.autograd.grad(blended.sum(), features)
    assert gradient.shape == (gaussians, 3)
    assert torch.isfinite(gradient).all()
    assert contributors(plan, pixels).indptr.shape == (count + 1,)


@pytest.mark.parametrize("backend", available_backends())
def test_what_is_not_seen_may_have_any_features(backend: str) -> None:
    scene = cloud(20)
    means = scene.means.clone()
    means[3, 2], means[4, 0] = -1.0, float("nan")
    features = scene.features.clone()
    features[3:5] = float("nan")
    features.requires_grad_()
    plan = prepare(means, *scene.geometry[1:], scene.camera, backend=backend)
    blended = rasterize_pixels(plan, features, sample(scene, 30))
    (gradient,) = torch.autograd.grad(blended.sum(), features)
    assert torch.isfinite(blended).all()
    assert not gradient[3:5].any()


@pytest.mark.parametrize("backend", available_backends())
@pytest.mark.parametrize("pixel", [(-1, 0), (24, 0), (0, 16), (0, -3)])
def test_a_pixel_outside_the_image_is_refused_by_name(backend: str, pixel: tuple[int, int]) -> None:
    scene = cloud(5)
    plan = prepare(*scene.geometry, scene.camera, backend=backend)
    for operation in (prepare_pixels, contributors):
        with pytest.raises(ValueError, match=rf"pixel \({pixel[0]}, {pixel[1]}\) lies outside the image of 24x16"):
            operation(plan, torch.tensor([[1, 1], pixel]))


def test_memory_is_safe_from_wrong_shapes_below_the_contract() -> None:
    scene = cloud(10)
    plan = prepare(*scene.geometry, scene.camera, backend="native")
    with pytest.raises(ValueError, match="outside the image"):
        _native.pixel_weights(plan.state, torch.tensor([[24, 0]]), 1)
    matrix = _native.pixel_weights(plan.state, torch.tensor([[1, 2]]), 1)
    assert (matrix.height, matrix.width) == (1, 10)
    with pytest.raises(ValueError, match="a row for every column"):
        _native.sparse_product(matrix, torch.zeros(9, 3), torch.zeros(1, 3), False, 1)
    with pytest.raises(ValueError, match="a row for every row"):
        _native.sparse_product(matrix, torch.zeros(1, 3), torch.zeros(9, 3), True, 1)
