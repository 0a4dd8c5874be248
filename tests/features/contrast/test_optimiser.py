"""A Gaussian moves by the mean over its pixels, keeps unit length, and no farther than the rate."""

from __future__ import annotations

import numpy as np
import torch
from scipy import sparse

from splatseg.features.contrast.optimiser import FLOOR, MOMENTUM, Descent, expected_weight
from splatseg.votes.votes import Votes


def unit(rows: int, seed: int = 0) -> torch.Tensor:
    values = torch.randn(rows, 4, generator=torch.Generator().manual_seed(seed))
    return torch.nn.functional.normalize(values, dim=1)


def test_features_stay_of_unit_length_and_go_no_farther_than_the_rate():
    start = unit(50)
    descent = Descent(start, torch.rand(50))
    descent.features.grad = 1e6 * torch.randn(50, 4)
    descent.step(0.1)
    torch.testing.assert_close(torch.linalg.vector_norm(descent.features.detach(), dim=1), torch.ones(50))
    assert float(torch.linalg.vector_norm(descent.features.detach() - start, dim=1).max()) <= 0.1 * (1 - MOMENTUM) * 1.2


def test_a_gaussian_seen_twice_as_much_by_the_same_pixels_moves_as_far():
    start = unit(1).repeat(2, 1)
    descent = Descent(start, torch.tensor([100.0, 200.0]))
    pull = torch.tensor([[0.1, -0.2, 0.3, 0.0]])
    descent.features.grad = torch.cat([100.0 * pull, 200.0 * pull])
    descent.step(0.5)
    moved = descent.features.detach() - start
    torch.testing.assert_close(moved[0], moved[1], rtol=3 * FLOOR, atol=0)


def test_a_gaussian_that_nothing_sees_stays():
    descent = Descent(unit(2), torch.tensor([1.0, 0.0]))
    descent.features.grad = torch.tensor([[0.1, 0.0, 0.2, 0.0], [0.0] * 4])
    descent.step(0.1)
    torch.testing.assert_close(descent.features[1].detach(), unit(2)[1])


def test_what_is_seen_in_a_step_is_what_pixels_drawn_by_their_shares_weigh():
    # Two views; in the first two masks, of 10 and of 30 pixels, that count 1 and 3: all pixels share alike.
    votes = Votes(
        weights=sparse.csr_array(np.array([[8.0, 0.0, 4.0], [2.0, 20.0, 0.0]], np.float32)),
        view_of=np.array([0, 0, 1], np.int32),
        id_of=np.array([1, 2, 1], np.int32),
        areas=np.array([10, 30, 8]),
        seen=np.array([12.0, 22.0], np.float32),
        views=("a", "b"),
        layer_of=np.zeros(3, np.int32),
    )
    found = expected_weight(votes, np.array([1.0, 3.0, 5.0], np.float32))
    np.testing.assert_allclose(found, [0.5 * (8 / 40 + 4 / 8), 0.5 * (2 / 40 + 20 / 40)], rtol=1e-6)
    assert not expected_weight(votes, np.zeros(3, np.float32)).any()
