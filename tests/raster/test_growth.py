"""What densification wants to know is collected in the backward, by every backend alike."""

from __future__ import annotations

import pytest
import torch
from scenes import Scene, camera, cloud

from splatseg.raster.interface import Growth, available_backends, rasterize


def scene() -> Scene:
    return cloud(300, 3, seed=3, size=0.1, view=camera(40, 30, 35.0))


def backward(s: Scene, backend: str, growth: Growth | None, offset: torch.Tensor | None = None) -> torch.Tensor:
    means = s.means.clone().requires_grad_()
    raster = rasterize(
        means, *s.geometry[1:], s.features, s.camera, backend=backend, means2d_offset=offset, growth=growth
    )
    (raster.features.square().sum() * 1e-2).backward()
    return raster.radii


@pytest.mark.parametrize("backend", available_backends())
def test_growth_is_what_the_gradient_on_screen_says(backend: str) -> None:
    s = scene()
    offset = torch.zeros(len(s.means), 2, requires_grad=True)
    radii = backward(s, backend, None, offset)
    expected, found = (Growth(torch.zeros(len(s.means)), torch.zeros(len(s.means))) for _ in range(2))
    assert offset.grad is not None
    for _ in range(2):
        expected.observe(offset.grad, radii, s.camera)
        backward(s, backend, found)
    torch.testing.assert_close(found.gradient_sum, expected.gradient_sum, rtol=1e-5, atol=1e-7)
    assert torch.equal(found.views, expected.views)
    assert 0 < int((found.views > 0).sum()) < len(s.means), "some must be drawn and some not"


@pytest.mark.parametrize("backend", available_backends())
def test_growth_changes_no_gradient(backend: str) -> None:
    s = scene()
    results = []
    for growth in (None, Growth(torch.zeros(len(s.means)), torch.zeros(len(s.means)))):
        means = s.means.clone().requires_grad_()
        raster = rasterize(means, *s.geometry[1:], s.features, s.camera, backend=backend, growth=growth)
        results.append(torch.autograd.grad(raster.features.sum(), means)[0])
    assert torch.equal(results[0], results[1])


def test_the_number_of_threads_does_not_change_growth() -> None:
    s = scene()
    before, found = torch.get_num_threads(), []
    for threads in (1, 3):
        torch.set_num_threads(threads)
        found.append(Growth(torch.zeros(len(s.means)), torch.zeros(len(s.means))))
        backward(s, available_backends()[0], found[-1])
    torch.set_num_threads(before)
    assert torch.equal(found[0].gradient_sum, found[1].gradient_sum)
