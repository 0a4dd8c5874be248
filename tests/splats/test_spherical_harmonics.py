"""Laws of the harmonics: the right functions, orthonormal, with right gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import sph_harm_y

from splatseg.splats.activations import to_sh0
from splatseg.splats.spherical_harmonics import basis, coefficient_count, evaluate


def sphere(count: int, seed: int = 0) -> torch.Tensor:
    points = torch.tensor(np.random.default_rng(seed).normal(size=(count, 3)))
    return points / points.norm(dim=1, keepdim=True)


def parameters(count: int, stored: int = 3) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    rng = np.random.default_rng(1)
    sh0, shN = rng.normal(size=(count, 3)), rng.normal(size=(count, coefficient_count(stored), 3))
    return torch.tensor(sh0), torch.tensor(shN), sphere(count)


def test_the_basis_is_scipys_real_spherical_harmonics_with_the_sign_of_condon_and_shortley() -> None:
    directions = sphere(200)
    x, y, z = directions.numpy().T
    theta, phi = np.arccos(z), np.arctan2(y, x)
    expected = []
    for degree in range(4):
        for m in range(-degree, degree + 1):
            value = sph_harm_y(degree, abs(m), theta, phi)  # holds (-1)^m already
            part = value.imag if m < 0 else value.real
            expected.append(part * (np.sqrt(2) if m else 1))
    np.testing.assert_allclose(basis(directions, 3).numpy(), np.stack(expected, 1), atol=1e-12)


def test_the_basis_is_orthonormal_over_the_sphere() -> None:
    # Gauss-Legendre in z, equal steps around the axis: exact for products of degree 6.
    z, weights = np.polynomial.legendre.leggauss(8)
    phi = np.arange(16) * 2 * np.pi / 16
    r = np.sqrt(1 - z**2)
    points = np.stack([np.outer(r, np.cos(phi)), np.outer(r, np.sin(phi)), np.outer(z, np.ones(16))], -1).reshape(-1, 3)
    Y = basis(torch.tensor(points), 3).numpy()
    gram = Y.T @ (np.repeat(weights, 16)[:, None] * 2 * np.pi / 16 * Y)
    np.testing.assert_allclose(gram, np.eye(16), atol=1e-12)


def test_rotating_the_scene_keeps_each_degree_to_itself() -> None:
    directions = sphere(300)
    rotation = torch.linalg.qr(torch.tensor(np.random.default_rng(3).normal(size=(3, 3))))[0]
    before, after = basis(directions, 3), basis(directions @ rotation.T, 3)
    for degree in range(4):
        part = slice(degree**2, (degree + 1) ** 2)
        mixing = torch.linalg.lstsq(before[:, part], after[:, part]).solution
        torch.testing.assert_close(before[:, part] @ mixing, after[:, part])
        torch.testing.assert_close(mixing @ mixing.T, torch.eye(2 * degree + 1, dtype=torch.float64))


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_the_colour_is_the_sum_the_definition_says(degree: int) -> None:
    sh0, shN, directions = parameters(50)
    Y = basis(directions, degree)
    count = coefficient_count(degree)
    expected = 0.5 + Y[:, :1] * sh0 + torch.einsum("nk,nkc->nc", Y[:, 1:], shN[:, :count])
    torch.testing.assert_close(evaluate(sh0, shN, directions, degree), expected)


@pytest.mark.parametrize("degree", [0, 1, 2, 3])
def test_gradients_reach_coefficients_and_directions(degree: int) -> None:
    inputs = [tensor.requires_grad_() for tensor in parameters(6)]
    assert torch.autograd.gradcheck(lambda *t: evaluate(*t, degree), inputs)


def test_blocks_of_rows_do_not_show(monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = [tensor.requires_grad_() for tensor in parameters(50)]
    whole = torch.autograd.grad(evaluate(*inputs, 3).square().sum(), inputs)
    monkeypatch.setattr("splatseg.splats.spherical_harmonics.ROWS_AT_ONCE", 7)
    blocks = torch.autograd.grad(evaluate(*inputs, 3).square().sum(), inputs)
    for a, b in zip(whole, blocks, strict=True):
        torch.testing.assert_close(a, b)


def test_no_gaussians_give_no_colours() -> None:
    assert evaluate(torch.zeros(0, 3), torch.zeros(0, 15, 3), torch.zeros(0, 3), 3).shape == (0, 3)


def test_a_colour_comes_back_from_its_constant_coefficient() -> None:
    rgb = torch.rand(20, 3)
    torch.testing.assert_close(evaluate(to_sh0(rgb), torch.zeros(20, 0, 3), torch.zeros(20, 3), 0), rgb)


def test_a_degree_above_what_is_stored_is_refused() -> None:
    with pytest.raises(AssertionError, match="degree 2 needs 8 coefficients"):
        evaluate(torch.zeros(1, 3), torch.zeros(1, 3, 3), torch.zeros(1, 3), 2)
