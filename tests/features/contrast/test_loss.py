"""The contrastive loss: independent of resolution, fair to nested masks, its gradient that of finite differences."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from splatseg.features.contrast.loss import pair_biases, pixel_shares, prototype_loss

TEMPERATURE, DISCOUNT = 0.2, 0.5


def example(pixels: int = 40, groups: int = 5, seed: int = 0) -> tuple[torch.Tensor, ...]:
    """unit (P,4), prototypes (K,4), own (P,), shares (P,), biases (K,K), all float64."""
    generator = torch.Generator().manual_seed(seed)
    unit = normalize(torch.randn(pixels, 4, generator=generator, dtype=torch.float64), dim=1)
    prototypes = normalize(torch.randn(groups, 4, generator=generator, dtype=torch.float64), dim=1)
    own = torch.randint(0, groups, (pixels,), generator=generator)
    shares = pixel_shares(own, torch.ones(groups, dtype=torch.float64))
    standing = torch.linspace(0.2, 1.0, groups, dtype=torch.float64)
    related = torch.eye(groups, dtype=torch.bool)
    related[0, 1] = related[1, 0] = True
    return unit, prototypes, own, shares, pair_biases(standing, related)


@pytest.mark.parametrize("discount", [0.0, 0.5, 1.0])
def test_the_loss_is_what_its_formula_says(discount):
    unit, prototypes, own, shares, biases = example()
    expected = 0.0
    for q in range(len(unit)):
        o = int(own[q])
        powers = [
            math.exp(float(unit[q] @ prototypes[k]) / TEMPERATURE) * math.exp(float(biases[o, k]))
            for k in range(len(prototypes))
        ]
        p = powers[o] / sum(powers)
        expected += float(shares[q]) * (-math.log(p) if discount == 0 else (1 - p**discount) / discount)
    got = prototype_loss(unit, prototypes, own, shares, biases, TEMPERATURE, discount)
    assert float(got) == pytest.approx(TEMPERATURE * expected, rel=1e-9)


def test_the_loss_and_its_pull_do_not_depend_on_the_resolution():
    unit, prototypes, own, _, biases = example()
    weights = torch.rand(5, dtype=torch.float64)
    once, twice = unit.clone().requires_grad_(), unit.repeat(2, 1).requires_grad_()
    losses = []
    for features, repeats in ((once, 1), (twice, 2)):
        masks = own.repeat(repeats)
        loss = prototype_loss(features, prototypes, masks, pixel_shares(masks, weights), biases, TEMPERATURE, DISCOUNT)
        loss.backward()
        losses.append(float(loss.detach()))
    assert losses[0] == pytest.approx(losses[1], rel=1e-12)
    torch.testing.assert_close(once.grad, twice.grad[:40] + twice.grad[40:])


def test_a_mask_counts_by_its_weight_and_not_by_how_many_pixels_were_drawn_of_it():
    masks = torch.tensor([0] * 90 + [1] * 10 + [3])
    shares = pixel_shares(masks, torch.tensor([1.0, 1.0, 5.0, 2.0]))
    assert float(shares.sum()) == pytest.approx(1.0)
    assert [float(shares[masks == m].sum()) for m in (0, 1, 3)] == pytest.approx([0.25, 0.25, 0.5])


def test_masks_without_a_weight_count_nothing_and_none_at_all_is_no_nan():
    assert pixel_shares(torch.tensor([0, 1, 1]), torch.tensor([0.0, 1.0])).tolist() == [0.0, 0.5, 0.5]
    assert pixel_shares(torch.tensor([0, 1]), torch.zeros(2)).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("discount", [0.0, 0.5])
def test_the_gradient_agrees_with_finite_differences(discount):
    unit, prototypes, own, shares, biases = example(pixels=12)

    def loss(u: torch.Tensor, c: torch.Tensor) -> torch.Tensor:
        return prototype_loss(u, c, own, shares, biases, TEMPERATURE, discount)

    assert torch.autograd.gradcheck(loss, (unit.requires_grad_(), prototypes.requires_grad_()))


def test_a_part_is_not_pushed_from_its_own_whole():
    part, whole, other = normalize(torch.tensor([[1.0, 0.2, 0.0], [1.0, 0.0, 0.2], [0.0, 1.0, 1.0]]), dim=1)
    prototypes = torch.stack([part, whole, other])
    related = torch.eye(3, dtype=torch.bool)
    pixel = part[None].clone().requires_grad_()
    own = torch.tensor([0])
    for relation, pushed in (
        (related, True),
        (related | torch.tensor([[0, 1, 0], [1, 0, 0], [0, 0, 0]]).bool(), False),
    ):
        biases = pair_biases(torch.ones(3), relation)
        prototype_loss(pixel, prototypes, own, torch.ones(1), biases, TEMPERATURE, 0.0).backward()
        away_from_whole = float(pixel.grad[0] @ normalize(whole - part, dim=0)) > 0.1
        assert away_from_whole == pushed
        pixel.grad = None


def test_a_prototype_without_standing_does_not_push():
    unit, prototypes, own, shares, _ = example(groups=2)
    apart = torch.eye(2, dtype=torch.bool)
    biases = pair_biases(torch.tensor([1.0, 0.0], dtype=torch.float64), apart)
    of_first = own == 0
    loss = prototype_loss(unit[of_first], prototypes, own[of_first], shares[of_first], biases, TEMPERATURE, 0.0)
    assert float(loss) == pytest.approx(0.0, abs=1e-12)


def test_a_pixel_that_looks_like_another_thing_pulls_less_if_discounted():
    prototypes = torch.eye(2, dtype=torch.float64)
    biases = pair_biases(torch.ones(2, dtype=torch.float64), torch.eye(2, dtype=torch.bool))
    own, shares = torch.tensor([0, 0]), torch.full((2,), 0.5, dtype=torch.float64)
    pulls = {}
    for discount in (0.0, 0.5):
        unit = normalize(torch.tensor([[1.0, 0.9], [0.1, 1.0]], dtype=torch.float64), dim=1).requires_grad_()
        prototype_loss(unit, prototypes, own, shares, biases, TEMPERATURE, discount).backward()
        pulls[discount] = torch.linalg.vector_norm(unit.grad, dim=1)
    assert pulls[0.0][1] > pulls[0.0][0]
    assert pulls[0.5][1] < 0.2 * pulls[0.0][1] and pulls[0.5][1] < pulls[0.5][0]


def test_no_pixels_are_no_loss():
    unit = torch.zeros(0, 4, requires_grad=True)
    biases = pair_biases(torch.ones(2), torch.eye(2, dtype=torch.bool))
    none = torch.zeros(0, dtype=torch.long)
    loss = prototype_loss(unit, torch.eye(2, 4), none, torch.zeros(0), biases, TEMPERATURE, DISCOUNT)
    loss.backward()
    assert float(loss.detach()) == 0.0
