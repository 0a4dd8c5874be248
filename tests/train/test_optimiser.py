"""Adam: its formula, momentum taken later in one go, and moments that follow the Gaussians."""

from __future__ import annotations

import copy

import pytest
import torch

from splatseg import _native
from splatseg.splats.colors import SeenColors, native_colors
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


def test_whole_vectors_have_the_bits_of_torch_on_avx512():
    if torch.backends.cpu.get_cpu_capability() != "AVX512" or _native.simd_level() != "v4":
        pytest.skip("both round alike only on AVX-512")
    generator = torch.Generator().manual_seed(0)
    start = torch.randn(64, 7, generator=generator)
    ours, theirs = Optimiser({"means": start}), start.clone().requires_grad_()
    adam = torch.optim.Adam([theirs], lr=0.01, betas=(0.9, 0.999), eps=1e-15, fused=True)
    for _ in range(20):
        gradient = torch.randn(64, 7, generator=generator)
        ours.parameters["means"].grad, theirs.grad = gradient.clone(), gradient
        ours.step({"means": 0.01})
        adam.step()
    assert torch.equal(ours.parameters["means"].detach(), theirs.detach())


@pytest.mark.parametrize("packed", [(), ("sh0", "shN")], ids=["float", "packed"])
@pytest.mark.parametrize("degree", [0, 1, 2, 3])
@pytest.mark.parametrize("count", [1, 16, 1029])
@pytest.mark.usefixtures("simd_level")
def test_a_step_by_the_gradient_of_colours_has_the_bits_of_one_by_their_own(packed, degree, count):
    generator, position = torch.Generator().manual_seed(count), [0.3, -1.2, 2.5]
    means = torch.randn(count, 3, generator=generator)
    start = {
        "sh0": torch.randn(count, 3, generator=generator),
        "shN": torch.randn(count, (degree + 1) ** 2 - 1, 3, generator=generator),
    }
    fused, plain = Optimiser(start | {}, packed=packed), Optimiser(copy.deepcopy(start), packed=packed)
    fused.parameters = {name: value.detach().clone().requires_grad_() for name, value in start.items()}
    rates = {"sh0": 0.01, "shN": 0.002}
    for _ in range(3):
        weights = torch.randn(count, 3, generator=generator)
        weights[torch.rand(count, generator=generator) < 0.5] = 0.0  # in no pixel
        weights[: count // 2] = 0.0
        seen = SeenColors.of(means, fused.parameters["sh0"], fused.parameters["shN"], position, degree)
        (seen.colors * weights).sum().backward()
        fused.step(rates, seen=seen)
        colors = native_colors(means, plain.parameters["sh0"], plain.parameters["shN"], position, degree)
        (colors * weights).sum().backward()
        plain.step(rates)
    for name in start:
        assert torch.equal(fused.parameters[name], plain.parameters[name])
        for one, other in zip(fused.moments[name], plain.moments[name], strict=True):
            assert torch.equal(one, other)


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
