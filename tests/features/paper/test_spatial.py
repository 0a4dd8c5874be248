"""The spatial term against a literal reading of its formula."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from splatseg.features.paper.sampling import draw_samples
from splatseg.features.paper.settings import PaperSettings
from splatseg.features.paper.spatial import mean_cosine, spatial_loss

SETTINGS = PaperSettings(spatial_samples=7)


def cloud(count: int = 40) -> tuple[torch.Tensor, torch.Tensor]:
    torch.manual_seed(0)
    return torch.randn(count, 3, dtype=torch.float64), torch.randn(count, 4, dtype=torch.float64)


def test_the_term_is_what_its_formula_says_self_match_included():
    means, features = cloud()
    _, samples = draw_samples(40, SETTINGS.spatial_candidates, 7, np.random.default_rng(1))
    near, far = [], []
    for s in samples:
        order = torch.argsort((means - means[s]).norm(dim=1)).tolist()
        cosine = torch.nn.functional.cosine_similarity(features, features[s][None], dim=1)
        near += [float(cosine[i]) for i in order[:2]]
        far += [float(cosine[i]) for i in order[-5:]]

    def sigmoid(x: float) -> float:
        return 1 / (1 + math.exp(-x))

    expected = 0.05 * sigmoid(1 - float(np.mean(near))) + 0.15 * sigmoid(float(np.mean(far)))
    got = float(spatial_loss(means, features, SETTINGS, np.random.default_rng(1)))
    assert got == pytest.approx(expected, rel=1e-12)


def test_the_gradient_agrees_with_finite_differences():
    means, features = cloud(20)
    assert torch.autograd.gradcheck(
        lambda f: spatial_loss(means, f, SETTINGS, np.random.default_rng(0)), (features.requires_grad_(),)
    )


def test_damaged_positions_take_no_part():
    means, features = cloud(20)
    means[3, 0] = float("nan")
    features.requires_grad_()
    spatial_loss(means, features, PaperSettings(), np.random.default_rng(0)).backward()
    assert torch.isfinite(features.grad).all()
    assert torch.equal(features.grad[3], torch.zeros(4, dtype=torch.float64))


def test_no_gaussians_no_loss():
    features = torch.zeros(0, 4, requires_grad=True)
    assert float(spatial_loss(torch.zeros(0, 3), features, SETTINGS, np.random.default_rng(0)).detach()) == 0.0


def test_the_gradient_is_the_same_bits_each_time_with_several_threads() -> None:
    before = torch.get_num_threads()
    rng = np.random.default_rng(0)
    values = rng.standard_normal((3000, 16)).astype(np.float32)
    samples, others = rng.integers(0, 50, 4000), rng.integers(0, 50, (4000, 5))  # many fall on one Gaussian
    try:
        torch.set_num_threads(4)
        gradients = []
        for _ in range(4):
            features = torch.from_numpy(values).requires_grad_()
            mean_cosine(features, samples, others).backward()
            assert features.grad is not None
            gradients.append(features.grad)
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(gradients[0], other) for other in gradients[1:])
