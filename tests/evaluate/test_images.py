"""PSNR and SSIM are what their definitions say."""

from __future__ import annotations

import numpy as np
import pytest

from splatseg.evaluate.images import PSNR_MAX, psnr, psnr_colors_fitted, score_image, ssim


def picture(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(size=(20, 24, 3))


def test_equal_pictures_have_the_best_figures() -> None:
    score = score_image("a.jpg", picture(), picture())
    assert score.psnr == PSNR_MAX and score.ssim == pytest.approx(1.0)


def test_psnr_of_a_constant_error() -> None:
    assert psnr(np.full((4, 4, 3), 0.5), np.full((4, 4, 3), 0.6)) == pytest.approx(20.0)


def test_bytes_and_floats_agree_and_floats_are_clamped() -> None:
    image = (picture() * 255).astype(np.uint8)
    target = picture(1)
    assert psnr(image, target) == pytest.approx(psnr(image / 255, target))
    assert ssim(image, target) == pytest.approx(ssim(image / 255, target))
    assert psnr(np.full((4, 4, 3), 2.0), np.ones((4, 4, 3))) == PSNR_MAX


def test_ssim_is_the_mean_over_windows_weighted_by_an_11x11_gaussian() -> None:
    a, b = picture(), picture(1)
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets[:, None] ** 2 + offsets[None] ** 2) / (2 * 1.5**2))
    window /= window.sum()
    padded = [np.pad(image, ((5, 5), (5, 5), (0, 0))) for image in (a, b)]
    values = []
    for y, x, c in np.ndindex(*a.shape):
        p, q = (image[y : y + 11, x : x + 11, c] for image in padded)
        mp, mq = (window * p).sum(), (window * q).sum()
        vp, vq = (window * p * p).sum() - mp**2, (window * q * q).sum() - mq**2
        covar = (window * p * q).sum() - mp * mq
        values.append((2 * mp * mq + 1e-4) * (2 * covar + 9e-4) / ((mp**2 + mq**2 + 1e-4) * (vp + vq + 9e-4)))
    assert ssim(a, b) == pytest.approx(float(np.mean(values)), abs=1e-12)


def test_figures_do_not_depend_on_the_order() -> None:
    assert psnr(picture(), picture(1)) == psnr(picture(1), picture())
    assert ssim(picture(), picture(1)) == pytest.approx(ssim(picture(1), picture()))


def test_ssim_is_the_one_that_training_optimises() -> None:
    torch = pytest.importorskip("torch")
    from splatseg.train.losses import ssim as training_ssim

    a, b = (torch.tensor(picture(seed)) for seed in (0, 1))
    assert ssim(a.numpy(), b.numpy()) == pytest.approx(float(training_ssim(a, b)), abs=1e-9)


def test_pictures_of_different_sizes_are_refused() -> None:
    with pytest.raises(ValueError, match="target must have shape"):
        psnr(picture(), picture()[:-1])


def test_fitted_colours_undo_exposure_and_nothing_that_a_half_has_alone() -> None:
    rng = np.random.default_rng(0)
    image = rng.uniform(0.2, 0.7, (20, 30, 3))
    brighter = 1.2 * image * [1.0, 0.95, 1.1] + 0.02
    assert psnr(image, brighter) < 25 and psnr_colors_fitted(image, brighter) > 50
    half_brighter = np.where(np.arange(30)[:, None] < 15, brighter, image)
    assert psnr_colors_fitted(image, half_brighter) < psnr(image, half_brighter)
    score = score_image("a.png", image, brighter, fit_colors=True)
    assert score.psnr == psnr(image, brighter) and score.psnr_colors_fitted == psnr_colors_fitted(image, brighter)
    assert score_image("a.png", image, brighter).psnr_colors_fitted is None


def test_fitted_colours_look_at_no_ignored_pixel() -> None:
    image = np.random.default_rng(0).uniform(0.2, 0.7, (20, 30, 3))
    target, ignored = 1.2 * image, np.zeros((20, 30), dtype=bool)
    ignored[:, 10:20] = True
    target[ignored] = 0.9
    assert psnr_colors_fitted(image, target, ignored) > 50
    assert psnr_colors_fitted(image, target, np.ones((20, 30), dtype=bool)) > 0
