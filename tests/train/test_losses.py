"""L1 + D-SSIM against their definitions."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splatseg.train.losses import photometric_loss, plain_photometric_loss, psnr, ssim


def _ssim_as_defined(x: np.ndarray, y: np.ndarray) -> float:
    offsets = np.arange(11) - 5
    window = np.exp(-0.5 * (offsets / 1.5) ** 2)
    window = np.outer(window, window) / window.sum() ** 2
    values = []
    for c in range(x.shape[2]):
        a, b = (np.pad(image[..., c], 5) for image in (x, y))
        for i in range(x.shape[0]):
            for j in range(x.shape[1]):
                p, q = a[i : i + 11, j : j + 11], b[i : i + 11, j : j + 11]
                mp, mq = (window * p).sum(), (window * q).sum()
                vp, vq = (window * p * p).sum() - mp**2, (window * q * q).sum() - mq**2
                cov = (window * p * q).sum() - mp * mq
                values.append((2 * mp * mq + 1e-4) * (2 * cov + 9e-4) / ((mp**2 + mq**2 + 1e-4) * (vp + vq + 9e-4)))
    return float(np.mean(values))


def test_ssim_is_its_definition_on_a_small_image():
    rng = np.random.default_rng(0)
    x, y = rng.random((2, 9, 13, 3))
    assert float(ssim(torch.tensor(x), torch.tensor(y))) == pytest.approx(_ssim_as_defined(x, y), rel=1e-9)


def test_an_image_is_perfectly_like_itself():
    image = torch.rand(8, 12, 3, dtype=torch.float64)
    assert float(ssim(image, image)) == pytest.approx(1.0)
    assert float(photometric_loss(image, image, 0.2)) == pytest.approx(0.0, abs=1e-12)
    assert psnr(image, image) == 100.0


def test_the_kernel_and_plain_torch_compute_the_same_loss_and_gradient():
    torch.manual_seed(0)
    target, results = torch.rand(20, 31, 3), []
    for loss in (photometric_loss, plain_photometric_loss):
        image = torch.linspace(0, 1, 20 * 31 * 3).reshape(20, 31, 3).requires_grad_()
        value = loss(image, target, 0.2)
        value.backward()
        results.append((value.detach(), image.grad))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(results[0][1], results[1][1], rtol=1e-3, atol=1e-7)


def test_the_gradient_of_the_photometric_loss_agrees_with_finite_differences():
    torch.manual_seed(0)
    image = torch.rand(6, 7, 3, dtype=torch.float64, requires_grad=True)
    target = torch.rand(6, 7, 3, dtype=torch.float64)
    assert torch.autograd.gradcheck(lambda x: photometric_loss(x, target, 0.2), (image,))


def test_psnr_of_a_constant_error_of_a_tenth_is_twenty():
    assert psnr(torch.full((4, 4, 3), 0.6), torch.full((4, 4, 3), 0.5)) == pytest.approx(20.0, abs=1e-4)


def test_images_of_different_size_are_refused():
    with pytest.raises(ValueError, match="target"):
        photometric_loss(torch.zeros(4, 4, 3), torch.zeros(4, 5, 3), 0.2)
