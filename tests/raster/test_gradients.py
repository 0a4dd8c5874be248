"""The gradients of fast backends against finite differences of their own values, independent of the reference."""

from __future__ import annotations

import pytest
import torch
from scenes import Scene, camera, cloud
from torch import Tensor

from splatseg.raster.interface import RasterSettings, available_backends, rasterize
from splatseg.raster.ssim import photometric_loss

# Nothing appears or vanishes while the geometry is moved a little: the differences are of a smooth function.
SMOOTH = RasterSettings(alpha_min=1e-6, alpha_max=0.9999, transmittance_min=1e-12)


def smooth_scene() -> Scene:
    scene = cloud(12, 3, seed=11, size=0.25, view=camera(21, 18, 14.0))
    return Scene(scene.means, scene.quats, scene.scales, scene.opacities.clamp(0.1, 0.8), scene.features, scene.camera)


FAST = [name for name in available_backends() if name != "reference"]


@pytest.mark.parametrize("backend", FAST)
@pytest.mark.parametrize("wanted", ["means", "quats", "scales", "opacities", "features", "offset"])
def test_gradients_are_the_slopes_of_the_loss(wanted: str, backend: str) -> None:
    scene = smooth_scene()
    names = ("means", "quats", "scales", "opacities", "features")
    inputs = dict(zip(names, (*scene.geometry, scene.features), strict=True))
    inputs["offset"] = torch.zeros(12, 2)
    generator = torch.Generator().manual_seed(5)
    weights = torch.randn(18, 21, 3, generator=generator, dtype=torch.float64)
    direction = torch.randn(inputs[wanted].shape, generator=generator)

    def loss(value: Tensor) -> Tensor:
        now = {**inputs, wanted: value}
        offset = now.pop("offset")
        raster = rasterize(*now.values(), scene.camera, SMOOTH, backend, means2d_offset=offset)
        return (raster.features * weights).sum() + raster.alphas.double().square().sum()

    value = inputs[wanted].clone().requires_grad_()
    (gradient,) = torch.autograd.grad(loss(value), value)
    step = 1e-3
    with torch.no_grad():
        slope = (loss(inputs[wanted] + step * direction) - loss(inputs[wanted] - step * direction)) / (2 * step)
    torch.testing.assert_close((gradient * direction).sum().double(), slope, rtol=5e-3, atol=5e-3)


@pytest.mark.parametrize("backend", FAST)
def test_a_few_steps_downhill_lower_the_loss(backend: str) -> None:
    scene = smooth_scene()
    target = torch.rand(18, 21, 3, generator=torch.Generator().manual_seed(6))
    parameters = [t.clone().requires_grad_() for t in (scene.means, scene.scales, scene.features)]
    optimiser = torch.optim.Adam(parameters, lr=0.02)
    losses = []
    for _ in range(15):
        means, scales, features = parameters
        raster = rasterize(means, scene.quats, scales, scene.opacities, features, scene.camera, SMOOTH, backend)
        loss, _, _ = photometric_loss(raster.features, target)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.parametrize("backend", FAST)
def test_what_is_clamped_at_alpha_max_moves_neither_opacity_nor_shape(backend: str) -> None:
    view = camera(1, 1, focal=10.0)
    values = {
        "means": torch.tensor([[0.0, 0.0, 1.0]]),
        "quats": torch.tensor([[1.0, 0.0, 0.0, 0.0]]),
        "scales": torch.full((1, 3), 5.0),
        "opacities": torch.tensor([1.0]),
        "features": torch.tensor([[2.0]]),
    }
    inputs = {name: value.requires_grad_() for name, value in values.items()}
    raster = rasterize(*inputs.values(), view, backend=backend)
    assert raster.alphas.item() == pytest.approx(0.999, abs=1e-6)
    raster.features.sum().backward()
    assert inputs["features"].grad is not None
    assert inputs["features"].grad.item() == pytest.approx(0.999, abs=1e-6)
    for name in ("means", "quats", "scales", "opacities"):
        assert not inputs[name].grad.any(), name  # type: ignore[union-attr]
