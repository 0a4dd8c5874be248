"""Affine maps of colours: those that were applied are found, and their derivatives are those of finite differences."""

from __future__ import annotations

import numpy as np
import torch

from splatseg.render.affine_color import affine_map, color_moments, with_affine_color

OFFSET = np.array([[-0.1, 0.02, 0.0], [0.03, 0.05, -0.02], [0.0, 0.01, 0.12], [0.02, -0.03, 0.04]])


def picture(seed: int = 0, shape: tuple[int, int] = (24, 31)) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0.2, 0.7, (*shape, 3))


def changed(image: np.ndarray) -> np.ndarray:
    return with_affine_color(torch.from_numpy(image), OFFSET).numpy()


def test_the_map_that_was_applied_is_found_in_either_half() -> None:
    image = picture()
    assert np.allclose(changed(image), image + image @ OFFSET[:3] + OFFSET[3])
    for half in color_moments(image, changed(image)):
        assert np.allclose(affine_map(half / half[3, 3], 1e-12), OFFSET, atol=1e-6)


def test_pixels_that_do_not_count_or_are_clipped_have_no_say() -> None:
    image = picture()
    target = changed(image)
    counted = np.ones(image.shape[:2], dtype=bool)
    counted[5:9] = False
    target[5:9] = 0.5
    target[12, :, 1] = 1.0
    target[13, :, 2] = 0.0
    moments = color_moments(image, target, counted).sum(axis=0)
    assert moments[3, 3] == (24 - 6) * 31
    assert np.allclose(affine_map(moments / moments[3, 3], 1e-12), OFFSET, atol=1e-6)


def test_a_ridge_draws_the_map_to_the_identity() -> None:
    image = picture()
    moments = color_moments(image, changed(image)).sum(axis=0)
    sizes = [np.abs(affine_map(moments / moments[3, 3], ridge)).sum() for ridge in (1e-6, 1e-2, 1e2)]
    assert sizes[0] > sizes[1] > sizes[2] and sizes[2] < 0.01


def test_the_gradient_of_the_image_is_that_of_finite_differences() -> None:
    image = torch.from_numpy(picture(shape=(4, 5))).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: with_affine_color(x, OFFSET), (image,))


def test_the_map_that_is_found_has_the_least_error_by_finite_differences() -> None:
    image, target = picture(1), picture(2)
    ridge = 0.03
    moments = color_moments(image, target).sum(axis=0)
    found = affine_map(moments / moments[3, 3], ridge)

    def error(offset: np.ndarray) -> float:
        mapped = image + image @ offset[:3] + offset[3]
        return float(np.square(mapped - target).sum(axis=2).mean() + ridge * np.square(offset).sum())

    for place in np.ndindex(4, 3):
        step = np.zeros((4, 3))
        step[place] = 1e-5
        slope = (error(found + step) - error(found - step)) / 2e-5
        assert abs(slope) < 1e-8
    assert all(error(found + step) > error(found) for step in np.random.default_rng(3).normal(0, 0.01, (20, 4, 3)))
