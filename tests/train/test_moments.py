"""Moments in 16 bits: what they keep, and that rounding at random loses nothing on average."""

from __future__ import annotations

import torch

from splatseg.train.moments import packed, unpacked
from splatseg.train.optimiser import Optimiser


def test_packed_moments_are_within_their_last_bit():
    generator = torch.Generator().manual_seed(0)
    first = torch.randn(1000, generator=generator) * 10.0 ** torch.randint(-15, 15, (1000,), generator=generator)
    back = unpacked(packed((first, first.square().clamp(max=1e30))))
    torch.testing.assert_close(back[0], first, rtol=2**-8, atol=0.0)
    torch.testing.assert_close(back[1], first.square().clamp(max=1e30), rtol=2**-9, atol=0.0)


def test_what_was_packed_is_packed_again_to_the_same_bits():
    bits = torch.arange(0x7F80, dtype=torch.int32)
    first, second = bits.to(torch.int16), (2 * bits + 1).to(torch.int16)
    again = packed(unpacked((first, second)))
    assert torch.equal(again[0], first) and torch.equal(again[1], second)
    assert packed(again)[0] is again[0]


def test_second_moments_that_a_step_changes_by_less_than_a_bit_fall_on_average():
    count, steps = 2000, 700
    first, second = torch.zeros(count), torch.full((count,), 3e-5)
    optimiser = Optimiser({"means": torch.zeros(count)}, {"means": (first, second)}, 10, packed=("means",))
    for _ in range(steps):
        optimiser.step({"means": 0.0})
    _, found = unpacked(optimiser.moments["means"])
    assert abs(float(found.mean()) / (3e-5 * 0.999**steps) - 1.0) < 0.01
    assert float(found.std() / found.mean()) < 0.05


def test_packed_moments_lead_where_those_in_float_lead():
    generator = torch.Generator().manual_seed(1)
    start, target = torch.randn(500, generator=generator), torch.randn(500, generator=generator)
    ends = []
    for names in ((), ("means",)):
        optimiser = Optimiser({"means": start}, packed=names)
        for _ in range(400):
            value = optimiser.parameters["means"]
            value.grad = value.detach() - target
            optimiser.step({"means": 0.01})
        ends.append(optimiser.parameters["means"].detach())
    torch.testing.assert_close(ends[0], ends[1], rtol=0.0, atol=0.02)
    torch.testing.assert_close(ends[1], target, rtol=0.0, atol=0.05)


def test_the_number_of_threads_does_not_change_a_bit():
    generator, before, results = torch.Generator().manual_seed(2), torch.get_num_threads(), []
    start, gradient = torch.randn(50_001, generator=generator), torch.randn(50_001, generator=generator)
    for threads in (1, 2, 5):
        torch.set_num_threads(threads)
        optimiser = Optimiser({"means": start}, packed=("means",))
        for _ in range(3):
            optimiser.parameters["means"].grad = gradient.clone()
            optimiser.step({"means": 0.01})
        results.append((optimiser.parameters["means"].detach(), *optimiser.moments["means"]))
    torch.set_num_threads(before)
    assert all(torch.equal(a, b) for other in results[1:] for a, b in zip(other, results[0], strict=True))
