"""The reference defines the answer, so it is checked against the definition itself and by finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scenes import camera, cloud

from splatseg.raster import reference as ref
from splatseg.raster.interface import RasterSettings, accumulate, prepare, rasterize, rasterize_pixels, rasterize_plan

# Cut-offs move with the geometry; where a Gaussian crosses one the derivative does not exist. These do not bind.
SMOOTH = RasterSettings(alpha_min=1e-12, alpha_max=1.0 - 1e-9, transmittance_min=1e-30)


def test_cut_offs_are_those_of_gsplat_1_5_3() -> None:
    settings = RasterSettings()
    assert settings.near == 0.01  # near_plane of rasterization()
    assert settings.eps2d == 0.3  # eps2d of rasterization()
    assert settings.alpha_min == 1.0 / 255.0  # ALPHA_THRESHOLD
    assert settings.alpha_max == 0.999  # min(0.999f, opac * exp(-sigma))
    assert settings.transmittance_min == 1e-4  # next_T <= 1e-4f stops the pixel
    assert settings.frustum_margin == 0.3  # lim_x = 1.3 * tan_fovx, about a centred principal point


def test_one_gaussian_on_the_axis_is_its_formula() -> None:
    view = camera(9, 7, focal=10.0)
    means = torch.tensor([[0.0, 0.0, 2.0]], dtype=torch.float64)
    quats = torch.tensor([[2.0, 0.0, 0.0, 0.0]], dtype=torch.float64)  # length 2: normalised on use
    scales = torch.full((1, 3), 0.3, dtype=torch.float64)
    opacities = torch.tensor([0.8], dtype=torch.float64)
    features = torch.tensor([[3.0]], dtype=torch.float64)
    raster = rasterize(means, quats, scales, opacities, features, view)
    variance = (10.0 / 2.0 * 0.3) ** 2 + 0.3
    y, x = np.mgrid[0:7, 0:9]
    alpha = 0.8 * np.exp(-0.5 * ((x + 0.5 - 4.5) ** 2 + (y + 0.5 - 3.5) ** 2) / variance)
    alpha[alpha < 1 / 255] = 0.0
    np.testing.assert_allclose(raster.alphas.numpy(), alpha, atol=1e-12)
    np.testing.assert_allclose(raster.features[..., 0].numpy(), 3.0 * alpha, atol=1e-12)


def test_the_nearer_gaussian_hides_the_farther_whatever_their_order_in_the_arrays() -> None:
    view = camera(3, 3)
    quats = torch.tensor([[1.0, 0, 0, 0]] * 2, dtype=torch.float64)
    scales = torch.full((2, 3), 5.0, dtype=torch.float64)
    opacities = torch.tensor([0.9, 0.9], dtype=torch.float64)
    features = torch.eye(2, dtype=torch.float64)
    for near, far in ((0, 1), (1, 0)):
        means = torch.zeros(2, 3, dtype=torch.float64)
        means[near, 2], means[far, 2] = 1.0, 2.0
        pixel = rasterize(means, quats, scales, opacities, features, view).features[1, 1]
        assert pixel[near] > 0.85
        assert pixel[far] < 0.1


def test_equal_depths_are_blended_in_the_order_of_their_indices() -> None:
    scene = cloud(count=2, dtype=torch.float64)
    means = torch.tensor([[0.0, 0.0, 2.0]] * 2, dtype=torch.float64)
    features = torch.eye(2, dtype=torch.float64)
    scales = torch.ones(2, 3, dtype=torch.float64)
    opacities = torch.tensor([0.9, 0.9], dtype=torch.float64)
    pixel = rasterize(means, scene.quats, scales, opacities, features, scene.camera).features[8, 12]
    assert pixel[0] > 5 * pixel[1] > 0


@pytest.mark.parametrize("wanted", ["means", "quats", "scales", "opacities", "features", "offset"])
def test_gradcheck_in_float64(wanted: str) -> None:
    scene = cloud(count=6, channels=2, seed=3, dtype=torch.float64, size=0.2, view=camera(6, 5, focal=6.0))
    inputs = dict(
        zip(("means", "quats", "scales", "opacities", "features"), (*scene.geometry, scene.features), strict=True)
    )
    inputs["opacities"] = inputs["opacities"].clamp(0.05, 0.9)
    inputs["offset"] = torch.zeros(6, 2, dtype=torch.float64)

    def render(value: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        now = {**inputs, wanted: value}
        offset = now.pop("offset")
        raster = ref.rasterize(*now.values(), scene.camera, SMOOTH, means2d_offset=offset)
        return raster.features, raster.alphas

    assert torch.autograd.gradcheck(render, inputs[wanted].clone().requires_grad_(), eps=1e-6, atol=1e-6)


def test_accumulate_is_the_transpose_of_blending() -> None:
    scene = cloud(count=20, channels=4, dtype=torch.float64)
    plan = prepare(*scene.geometry, scene.camera)
    values = torch.randn(16, 24, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    blended, _ = rasterize_plan(plan, scene.features)
    torch.testing.assert_close((blended * values).sum(), (scene.features * accumulate(plan, values)).sum())


def test_sampled_pixels_are_the_pixels_of_the_image() -> None:
    scene = cloud(count=20, channels=4, dtype=torch.float64)
    plan = prepare(*scene.geometry, scene.camera)
    pixels = torch.tensor([[0, 0], [23, 15], [7, 3], [7, 3]])
    blended, _ = rasterize_plan(plan, scene.features)
    torch.testing.assert_close(rasterize_pixels(plan, scene.features, pixels), blended[pixels[:, 1], pixels[:, 0]])
