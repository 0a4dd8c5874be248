"""The fused photometric loss against its definition in torch, in value and gradient."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn.functional import conv2d

from splatseg.raster.ssim import photometric_loss, ssim


def twin(image: Tensor, target: Tensor, weight: float) -> tuple[Tensor, Tensor]:
    """(loss, SSIM) as the papers write them."""
    window = torch.exp(-((torch.arange(11, dtype=image.dtype) - 5) ** 2) / (2 * 1.5**2))
    window = window / window.sum()
    kernel = (window[:, None] * window[None]).expand(3, 1, 11, 11)

    def blur(values: Tensor) -> Tensor:
        return conv2d(values, kernel, padding=5, groups=3)

    x, y = image.permute(2, 0, 1)[None], target.permute(2, 0, 1)[None]
    m, n = blur(x), blur(y)
    variances, covariance = blur(x * x) - m * m + blur(y * y) - n * n, blur(x * y) - m * n
    c1, c2 = 0.01**2, 0.03**2
    similarity = ((2 * m * n + c1) * (2 * covariance + c2) / ((m * m + n * n + c1) * (variances + c2))).mean()
    return (1 - weight) * (image - target).abs().mean() + weight * (1 - similarity), similarity


def pair(height: int, width: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    image = torch.rand(height, width, 3, generator=generator)
    return image, (image + 0.2 * torch.randn(height, width, 3, generator=generator)).clamp(0, 1)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 4), (37, 53), (48, 80), (11, 200)])
@pytest.mark.parametrize("weight", [0.0, 0.2, 1.0])
def test_loss_and_gradient_are_those_of_the_definition(height: int, width: int, weight: float) -> None:
    image, target = pair(height, width)
    ours, theirs = image.clone().requires_grad_(), image.double().requires_grad_()
    loss, l1, similarity = photometric_loss(ours, target, weight)
    expected, expected_similarity = twin(theirs, target.double(), weight)
    loss.backward()
    expected.backward()
    assert loss.item() == pytest.approx(expected.item(), abs=1e-6)
    assert similarity == pytest.approx(expected_similarity.item(), abs=2e-6)
    assert l1 == pytest.approx((image - target).abs().mean().item(), abs=1e-6)
    assert (ours.grad - theirs.grad).norm() < 1e-5 * theirs.grad.norm()  # type: ignore[union-attr, operator]


def test_the_gradient_is_the_slope_of_the_loss() -> None:
    image, target = pair(20, 30)
    image = image.requires_grad_()
    direction = torch.randn(20, 30, 3, generator=torch.Generator().manual_seed(1))
    loss, _, _ = photometric_loss(image, target, 1.0)
    loss.backward()
    step = 1e-2
    with torch.no_grad():
        slope = (
            photometric_loss(image + step * direction, target, 1.0)[0]
            - photometric_loss(image - step * direction, target, 1.0)[0]
        ) / (2 * step)
    torch.testing.assert_close((image.grad * direction).sum(), slope, rtol=2e-2, atol=1e-5)  # type: ignore[operator]


def test_equal_images_are_perfectly_similar() -> None:
    image, target = pair(33, 21)
    assert ssim(image, image) == pytest.approx(1.0, abs=1e-6)
    assert ssim(image, target) < 0.9
    loss, l1, _ = photometric_loss(image.requires_grad_(), image.detach())
    loss.backward()
    assert l1 == 0.0
    assert image.grad is not None
    assert image.grad.abs().max() < 1e-8


def test_a_slice_of_a_wider_picture_is_read_and_given_its_gradient() -> None:
    wide = torch.rand(12, 14, 19, generator=torch.Generator().manual_seed(2)).requires_grad_()
    target = torch.rand(12, 14, 3, generator=torch.Generator().manual_seed(3))
    loss, _, _ = photometric_loss(wide[..., :3], target)
    assert loss.item() == pytest.approx(photometric_loss(wide[..., :3].detach().contiguous(), target)[0].item())
    loss.backward()
    assert wide.grad is not None
    assert wide.grad[..., :3].any()
    assert not wide.grad[..., 3:].any()


def test_images_of_different_size_are_refused() -> None:
    with pytest.raises(ValueError, match="target must have shape"):
        photometric_loss(torch.zeros(4, 5, 3), torch.zeros(4, 6, 3))
