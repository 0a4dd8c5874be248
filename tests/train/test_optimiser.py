"""Adam: its formula, momentum taken later in one go, and moments that follow the Gaussians."""

from __future__ import annotations

import torch

from splatseg.train.optimiser import Optimiser, carried, coast


def _adam(p, m, v, g, *, t, lr):
    m, v = 0.9 * m + 0.1 * g, 0.999 * v + 0.001 * g * g
    return p - lr * (m / (1 - 0.9**t)) / ((v / (1 - 0.999**t)).sqrt() + 1e-15), m, v


def test_steps_are_those_of_adam():
    torch.manual_seed(0)
    start, gradients = torch.randn(5, 3), torch.randn(4, 5, 3)
    optimiser = Optimiser({"means": start})
    p, m, v = start.double(), torch.zeros(5, 3).double(), torch.zeros(5, 3).double()
    for t, g in enumerate(gradients, 1):
        optimiser.parameters["means"].grad = g.clone()
        optimiser.step({"means": 0.1})
        p, m, v = _adam(p, m, v, g.double(), t=t, lr=0.1)
    torch.testing.assert_close(optimiser.parameters["means"].detach().double(), p, rtol=1e-5, atol=1e-6)


def test_coasting_equals_as_many_steps_with_zero_gradient():
    torch.manual_seed(0)
    p, m, v = torch.randn(6, 2).double(), torch.randn(6, 2).double(), torch.rand(6, 2).double()
    m[0], v[0] = 0.0, 0.0  # never had a gradient
    expected = p, m, v
    for t in range(4, 4 + 49):
        expected = _adam(*expected, torch.zeros(6, 2).double(), t=t, lr=0.01)
    coast(p, m, v, steps=3, count=49, rate=0.01)
    for got, want in zip((p, m, v), expected, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-9, atol=1e-12)


def test_a_resting_parameter_ends_where_zero_gradients_would_have_brought_it():
    torch.manual_seed(0)
    start, rates = {"means": torch.randn(4, 3), "features": torch.randn(4, 2)}, {"means": 0.1, "features": 0.1}
    lazy, eager = Optimiser(start), Optimiser(start)
    for step in range(12):
        due = step % 5 == 0
        gradient = torch.randn(4, 3), torch.randn(4, 2) if due else torch.zeros(4, 2)
        for optimiser in (lazy, eager):
            if due:
                optimiser.catch_up(rates)
            optimiser.parameters["means"].grad = gradient[0].clone()
            if due or optimiser is eager:
                optimiser.parameters["features"].grad = gradient[1].clone()
        lazy.step(rates, resting=() if due else ("features",))
        eager.step(rates)
    assert lazy.idle["features"] == 1
    lazy.catch_up(rates)
    for name in start:
        torch.testing.assert_close(lazy.parameters[name], eager.parameters[name], rtol=1e-5, atol=1e-6)


def test_moments_follow_their_gaussian_and_new_ones_start_at_zero():
    rows = torch.arange(6.0).reshape(3, 2) + 1
    moved = carried(rows, torch.tensor([2, 0, 0]), torch.tensor([False, False, True]))
    assert moved.tolist() == [[5, 6], [1, 2], [0, 0]]
    assert rows.tolist() == [[1, 2], [3, 4], [5, 6]]


def test_an_edited_optimiser_goes_on_counting_steps():
    optimiser = Optimiser({"means": torch.zeros(2, 3)})
    optimiser.parameters["means"].grad = torch.ones(2, 3)
    optimiser.step({"means": 0.1})
    edited = optimiser.edited(lambda name, value: value.detach()[1:], torch.tensor([1]), torch.tensor([False]))
    assert edited.steps == 1
    assert torch.equal(edited.moments["means"][0], torch.full((1, 3), 0.1))


def test_a_parameter_without_rows_or_columns_is_no_obstacle():
    optimiser = Optimiser({"means": torch.zeros(0, 3), "shN": torch.zeros(0, 0, 3)})
    optimiser.step({"means": 0.1, "shN": 0.1})
    assert optimiser.steps == 1
