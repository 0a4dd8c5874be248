"""Colours computed natively are those of the plain form, values and gradients, at every SIMD level."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from splatseg.splats.colors import native_colors
from splatseg.splats.spherical_harmonics import coefficient_count, evaluate

POSITION = [0.3, -1.2, 2.5]


pytestmark = pytest.mark.usefixtures("simd_level")


def gaussians(count: int, stored: int) -> tuple[Tensor, Tensor, Tensor]:
    generator = torch.Generator().manual_seed(count)
    shape = coefficient_count(stored)
    means = torch.randn(count, 3, generator=generator)
    return means, torch.randn(count, 3, generator=generator), torch.randn(count, shape, 3, generator=generator)


def plain(means: Tensor, sh0: Tensor, shN: Tensor, degree: int) -> Tensor:
    directions = torch.nn.functional.normalize(means - torch.tensor(POSITION, dtype=means.dtype), dim=1)
    return evaluate(sh0, shN, directions, degree).clamp(min=0.0)


@pytest.mark.parametrize("count", [1, 15, 16, 17, 3000])
@pytest.mark.parametrize(("stored", "degree"), [(0, 0), (1, 1), (2, 2), (3, 3), (3, 0), (3, 1), (3, 2)])
def test_values_and_gradients_are_those_of_the_plain_form(count: int, stored: int, degree: int) -> None:
    means, sh0, shN = gaussians(count, stored)
    weights = torch.randn(count, 3, generator=torch.Generator().manual_seed(9))
    leaves = [sh0.requires_grad_(), shN.requires_grad_()]
    found = native_colors(means, sh0, shN, POSITION, degree)
    expected = plain(means.double(), sh0.double(), shN.double(), degree)
    torch.testing.assert_close(found.double(), expected, atol=1e-5, rtol=1e-5)
    gradients = torch.autograd.grad(found, leaves, weights)
    in_double = [leaf.detach().double().requires_grad_() for leaf in leaves]
    clear = ((found > 1e-4) | (expected == 0)).float()  # beside the clamp rounding decides
    expected = plain(means.double(), in_double[0], in_double[1], degree)
    wanted = torch.autograd.grad(expected, in_double, weights.double(), allow_unused=True)
    for gradient, given, leaf in zip(gradients, wanted, leaves, strict=True):
        want = torch.zeros_like(leaf).double() if given is None else given
        known = clear if gradient.ndim == 2 else clear[:, None]
        torch.testing.assert_close(gradient.double() * known, want * known, atol=1e-5, rtol=1e-5)


def test_no_gaussians_give_no_colours() -> None:
    means, sh0, shN = gaussians(0, 3)
    assert native_colors(means, sh0, shN, POSITION, 3).shape == (0, 3)


def test_a_gaussian_at_the_camera_has_the_colour_of_no_direction() -> None:
    _, sh0, shN = gaussians(1, 3)
    means = torch.tensor([POSITION])
    torch.testing.assert_close(native_colors(means, sh0, shN, POSITION, 3), plain(means, sh0, shN, 3))


def test_the_number_of_threads_does_not_change_a_bit() -> None:
    means, sh0, shN = gaussians(5000, 3)
    results = []
    before = torch.get_num_threads()
    for threads in (1, 2, 3, 7):
        torch.set_num_threads(threads)
        leaf = shN.clone().requires_grad_()
        colors = native_colors(means, sh0, leaf, POSITION, 3)
        results.append((colors.detach(), torch.autograd.grad(colors.sum(), leaf)[0]))
    torch.set_num_threads(before)
    assert all(torch.equal(a, results[0][0]) and torch.equal(b, results[0][1]) for a, b in results)


def test_a_clamped_colour_passes_no_gradient() -> None:
    means, sh0, shN = gaussians(40, 1)
    sh0 = (sh0 - 10.0).requires_grad_()
    colors = native_colors(means, sh0, shN, POSITION, 1)
    assert not colors.any()
    assert not torch.autograd.grad(colors.sum(), sh0)[0].any()
