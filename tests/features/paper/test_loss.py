"""The clustering loss against a literal reading of its formula, and its gradient against finite differences."""

from __future__ import annotations

import math

import pytest
import torch

from splatseg.features.paper import loss as loss_module
from splatseg.features.paper.loss import clustering_loss, segment_pixels
from splatseg.features.paper.settings import PaperSettings

SETTINGS = PaperSettings()
SMALL = PaperSettings(min_pixels=2, clustering_weight=1.0)


def literal(features: torch.Tensor, labels: torch.Tensor, settings: PaperSettings) -> float:
    """Segment by segment, pixel by pixel, as the formula reads."""
    unit = [[float(x) for x in row / row.norm()] for row in features]
    ids = [i for i in sorted(set(labels.tolist())) if i != 0 and int((labels == i).sum()) > settings.min_pixels]
    members = {i: [q for q in range(len(labels)) if int(labels[q]) == i] for i in ids}
    centre = {i: [sum(unit[q][d] for q in members[i]) / len(members[i]) for d in range(len(unit[0]))] for i in ids}
    phi = {}
    for i in ids:
        n = len(members[i])
        phi[i] = min(max(10 * sum(math.dist(unit[q], centre[i]) for q in members[i]) / (n * math.log(n + 100)), 0.1), 1)

    def power(q: int, s: int) -> float:
        return math.exp(sum(a * b for a, b in zip(unit[q], centre[s], strict=True)) / phi[s])

    sums = [sum(math.log(power(q, i) / (sum(power(q, s) for s in ids) + 1e-6)) for q in members[i]) for i in ids]
    return -settings.clustering_weight * sum(sums) / len(ids)


def example(pixels: int = 60, channels: int = 4, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    features = torch.rand(pixels, channels, generator=generator, dtype=torch.float64)
    return features, torch.randint(0, 5, (pixels,), generator=generator)


@pytest.mark.parametrize("seed", range(3))
def test_the_loss_is_what_its_formula_says(seed):
    features, labels = example(seed=seed)
    features[labels == 1] *= 0.001
    features[labels == 2] = features[labels == 2][:1] + 0.001 * features[labels == 2]  # temperature at its minimum
    assert float(clustering_loss(features, labels, SMALL)) == pytest.approx(literal(features, labels, SMALL), rel=1e-9)


def test_the_weight_and_the_minimum_size_are_the_papers():
    features, labels = example(pixels=600)
    labels[:100], labels[100:201] = 7, 8
    labels[201:] = 0
    got = float(clustering_loss(features, labels, SETTINGS))
    assert got == pytest.approx(literal(features, labels, SETTINGS), rel=1e-9)
    pixels, segments, counts = segment_pixels(labels, 100)
    assert counts.tolist() == [101] and pixels.tolist() == list(range(100, 201)) and set(segments.tolist()) == {0}


def test_the_gradient_agrees_with_finite_differences_when_the_temperature_is_held():
    features, labels = example(pixels=30)
    # The temperature is a constant for the gradient; at its upper limit it is one for finite differences too.
    held = PaperSettings(min_pixels=2, clustering_weight=1.0, temperature_min=1.0, temperature_max=1.0)
    assert torch.autograd.gradcheck(lambda f: clustering_loss(f, labels, held), (features.requires_grad_(),))


def test_pieces_of_the_table_give_the_same_loss_and_gradient(monkeypatch):
    features, labels = example()
    whole = features.clone().requires_grad_()
    clustering_loss(whole, labels, SMALL).backward()
    monkeypatch.setattr(loss_module, "LOGITS_AT_ONCE", 9)
    pieces = features.clone().requires_grad_()
    clustering_loss(pieces, labels, SMALL).backward()
    torch.testing.assert_close(pieces.grad, whole.grad)


def test_without_segments_the_loss_and_its_gradient_are_zero():
    features = torch.rand(10, 3, requires_grad=True)
    loss = clustering_loss(features, torch.zeros(10, dtype=torch.long), SETTINGS)
    loss.backward()
    assert float(loss.detach()) == 0.0
    assert torch.equal(features.grad, torch.zeros(10, 3))


def test_pixels_that_nothing_covers_give_no_nan():
    features = torch.zeros(10, 3, requires_grad=True)
    labels = torch.tensor([1] * 5 + [2] * 5)
    clustering_loss(features, labels, SMALL).backward()
    assert torch.isfinite(features.grad).all()


def test_numbers_of_segments_do_not_matter_only_who_belongs_together():
    features, labels = example()
    renamed = torch.tensor([0, 900, 3, 70_000, 5])[labels]
    assert float(clustering_loss(features, renamed, SMALL)) == pytest.approx(
        float(clustering_loss(features, labels, SMALL)), rel=1e-12
    )


def test_descending_the_gradient_separates_two_segments():
    torch.manual_seed(0)
    features = torch.rand(400, 4, requires_grad=True)
    labels = torch.tensor([1] * 200 + [2] * 200)
    for _ in range(200):
        clustering_loss(features, labels, SETTINGS).backward()
        features.data -= 3e4 * features.grad
        features.grad = None
    unit = torch.nn.functional.normalize(features.detach(), dim=1)
    assert float(unit[:200].mean(0) @ unit[200:].mean(0)) < 0.3
    assert float((unit[:200] @ unit[:200].T).mean()) > 0.8
