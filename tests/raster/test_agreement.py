"""The fast backends against the reference: values, and the gradient of every input; native at every SIMD level.

They compute in float32, the reference in float64. Errors are relative to the norm of the whole tensor. In these
scenes no pixel sits within float32 rounding of a cut-off; where one does, the two may differ by one contribution.
"""

from __future__ import annotations

import pytest
import torch
from scenes import Scene, camera, cloud
from torch import Tensor

from splatseg.raster.interface import accumulate, prepare, rasterize, rasterize_pixels, rasterize_plan

VALUE_TOLERANCE = 2e-6
GRADIENT_TOLERANCE = 2e-5  # quats and scales pass through a 2x2 inverse


def run(scene: Scene, backend: str | None, dtype: torch.dtype, seed: int = 0) -> dict[str, Tensor]:
    """Forward and backward of a random linear loss on features and alphas."""
    names = ("means", "quats", "scales", "opacities", "features")
    inputs = {
        n: t.detach().to(dtype).clone().requires_grad_()
        for n, t in zip(names, (*scene.geometry, scene.features), strict=True)
    }
    offset = torch.zeros(len(scene.means), 2, dtype=dtype, requires_grad=True)
    raster = rasterize(*inputs.values(), scene.camera, backend=backend, means2d_offset=offset)
    generator = torch.Generator().manual_seed(seed)
    weights = torch.randn(raster.features.shape, generator=generator).to(dtype)
    weights_alphas = torch.randn(raster.alphas.shape, generator=generator).to(dtype)
    ((raster.features * weights).sum() + (raster.alphas * weights_alphas).sum()).backward()
    found = {"blended": raster.features.detach(), "alphas": raster.alphas.detach(), "radii": raster.radii}
    found |= {f"grad {n}": t.grad for n, t in {**inputs, "offset": offset}.items() if t.grad is not None}
    return found


def assert_agree(fast: dict[str, Tensor], reference: dict[str, Tensor]) -> None:
    assert fast.keys() == reference.keys()
    assert (fast["radii"] - reference["radii"]).abs().max() <= 1  # rounding up, in float32
    for name in fast.keys() - {"radii"}:
        error = (fast[name].double() - reference[name]).norm() / reference[name].norm()
        tolerance = GRADIENT_TOLERANCE if name.startswith("grad") else VALUE_TOLERANCE
        assert error < tolerance, f"{name}: relative error {error:.1e}"


@pytest.mark.parametrize("channels", [1, 3, 16, 19, 33])
@pytest.mark.parametrize("seed", [0, 1])
def test_values_and_gradients_agree_with_the_reference_for_any_number_of_channels(
    fast_backend: str | None, channels: int, seed: int
) -> None:
    scene = cloud(200, channels, seed, size=0.1, view=camera(53, 37, 40.0))
    assert_agree(run(scene, fast_backend, torch.float32), run(scene, "reference", torch.float64))


@pytest.mark.parametrize(("width", "height"), [(1, 1), (3, 2), (16, 16), (17, 15), (4, 40), (65, 18)])
def test_any_image_size_will_do(fast_backend: str | None, width: int, height: int) -> None:
    scene = cloud(80, 5, seed=2, size=0.15, view=camera(width, height, 30.0))
    assert_agree(run(scene, fast_backend, torch.float32), run(scene, "reference", torch.float64))


def test_large_gaussians_cross_many_tiles(fast_backend: str | None) -> None:
    scene = cloud(40, 4, seed=4, size=0.8, view=camera(70, 50, 40.0))
    assert_agree(run(scene, fast_backend, torch.float32), run(scene, "reference", torch.float64))


def test_a_crowd_fills_more_than_one_chunk_and_saturates_pixels(fast_backend: str | None) -> None:
    scene = cloud(1500, 3, seed=5, size=0.05, view=camera(20, 20, 20.0))
    fast, reference = run(scene, fast_backend, torch.float32), run(scene, "reference", torch.float64)
    assert (reference["alphas"] > 0.9995).any()  # the stop at 1e-4 is reached
    assert_agree(fast, reference)


def test_a_tilted_and_shifted_camera_agrees(fast_backend: str | None) -> None:
    scene = cloud(150, 3, seed=6, size=0.1, view=camera(40, 30, 35.0))
    turn = torch.linalg.matrix_exp(torch.tensor([[0, -0.2, 0.1], [0.2, 0, -0.3], [-0.1, 0.3, 0]], dtype=torch.float64))
    scene.camera.viewmat[:3, :3] = turn.numpy()
    scene.camera.viewmat[:3, 3] = (0.1, -0.2, 0.5)
    scene.camera.K[0, 2], scene.camera.K[1, 1] = 17.0, 33.0  # off-centre principal point, other focal length
    assert_agree(run(scene, fast_backend, torch.float32), run(scene, "reference", torch.float64))


def test_an_offset_moves_the_picture_like_the_reference(fast_backend: str | None) -> None:
    scene = cloud(60, 3, seed=7, view=camera(32, 32, 25.0))
    offset = torch.randn(60, 2, generator=torch.Generator().manual_seed(1))
    moved = rasterize(*scene.geometry, scene.features, scene.camera, backend=fast_backend, means2d_offset=offset)
    doubled = [t.double() for t in (*scene.geometry, scene.features)]
    reference = rasterize(*doubled, scene.camera, backend="reference", means2d_offset=offset.double())
    torch.testing.assert_close(moved.features.double(), reference.features, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("channels", [1, 3, 16, 19, 40])
def test_accumulate_and_plans_agree(fast_backend: str | None, channels: int) -> None:
    scene = cloud(200, channels, seed=8, view=camera(45, 35, 35.0))
    values = torch.randn(35, 45, channels, generator=torch.Generator().manual_seed(2))
    plan = prepare(*scene.geometry, scene.camera, backend=fast_backend)
    exact = prepare(*[t.double() for t in scene.geometry], scene.camera, backend="reference")
    torch.testing.assert_close(
        accumulate(plan, values).double(), accumulate(exact, values.double()), atol=1e-4, rtol=1e-5
    )
    features = scene.features.clone().requires_grad_()
    blended, alphas = rasterize_plan(plan, features)
    expected, expected_alphas = rasterize_plan(exact, scene.features.double())
    torch.testing.assert_close(blended.detach().double(), expected, atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(alphas.double(), expected_alphas, atol=1e-6, rtol=1e-6)
    (gradient,) = torch.autograd.grad(blended, features, values)
    torch.testing.assert_close(gradient, accumulate(plan, values), atol=0, rtol=0)


def test_sampled_pixels_agree_with_gradient(fast_backend: str | None) -> None:
    scene = cloud(120, 7, seed=9, view=camera(45, 35, 35.0))
    generator = torch.Generator().manual_seed(3)
    pixels = torch.stack(
        [torch.randint(45, (90,), generator=generator), torch.randint(35, (90,), generator=generator)], 1
    )
    weights = torch.randn(90, 7, generator=generator)
    found = []
    for backend, dtype in ((fast_backend, torch.float32), ("reference", torch.float64)):
        plan = prepare(*[t.to(dtype) for t in scene.geometry], scene.camera, backend=backend)
        features = scene.features.to(dtype).requires_grad_()
        blended = rasterize_pixels(plan, features, pixels)
        (gradient,) = torch.autograd.grad(blended, features, weights.to(dtype))
        found.append((blended.detach().double(), gradient.double()))
    for fast, reference in zip(*found, strict=True):
        torch.testing.assert_close(fast, reference, atol=1e-5, rtol=1e-5)


def test_the_feature_only_backward_gives_the_gradient_of_the_full_one(fast_backend: str | None) -> None:
    scene = cloud(150, 16, seed=10, view=camera(45, 35, 35.0))
    weights = torch.randn(35, 45, 16, generator=torch.Generator().manual_seed(4))
    gradients = []
    for frozen in (True, False):
        geometry = [t.clone().requires_grad_(not frozen) for t in scene.geometry]
        features = scene.features.clone().requires_grad_()
        raster = rasterize(*geometry, features, scene.camera, backend=fast_backend)
        gradients.append(torch.autograd.grad(raster.features, features, weights)[0])
    torch.testing.assert_close(*gradients, atol=1e-5, rtol=1e-5)
