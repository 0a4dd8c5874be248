"""Neighbours are true ones: a Gaussian is never its own, however many lie on one another."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from splatseg.features.contrast.spatial import neighbour_loss, true_neighbours


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 40), st.integers(1, 6), st.integers(1, 4), st.integers(0, 10**6))
def test_nobody_is_its_own_neighbour_and_no_other_is_nearer(count, k, values, seed):
    means = np.random.default_rng(seed).integers(0, values, (count, 3)).astype(np.float32)  # many equal ones
    found = true_neighbours(means, k)
    assert found.shape == (count, k)
    for i, row in enumerate(found):
        others = row[row >= 0]
        assert i not in others and len(set(others)) == len(others) == min(k, max(count - 1, 0))
        distances = np.sort(np.linalg.norm(means - means[i], axis=1)[np.arange(count) != i])
        np.testing.assert_allclose(np.sort(np.linalg.norm(means[others] - means[i], axis=1)), distances[: len(others)])


def test_gaussians_nowhere_have_no_neighbours_and_are_nobodys():
    means = np.array([[0.0, 0, 0], [np.nan, 0, 0], [1.0, 0, 0]])
    np.testing.assert_array_equal(true_neighbours(means, 2), [[2, -1], [-1, -1], [0, -1]])


def test_the_loss_is_the_mean_over_neighbours_that_are_there():
    features = torch.tensor([[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]])
    neighbours = torch.tensor([[1, 2], [0, -1], [-1, -1]])
    loss = neighbour_loss(features, neighbours, torch.tensor([0, 1, 2]))
    assert float(loss) == pytest.approx(2.0 / 3.0)


def test_without_neighbours_there_is_no_loss():
    features = torch.ones(2, 3, requires_grad=True)
    loss = neighbour_loss(features, torch.full((2, 1), -1), torch.tensor([0, 1]))
    loss.backward()
    assert float(loss.detach()) == 0.0


def test_the_gradient_agrees_with_finite_differences():
    means = np.random.default_rng(0).normal(size=(8, 3))
    neighbours = torch.from_numpy(true_neighbours(means, 3))
    features = torch.randn(8, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(0), requires_grad=True)
    assert torch.autograd.gradcheck(lambda f: neighbour_loss(f, neighbours, torch.tensor([0, 3, 3])), (features,))
