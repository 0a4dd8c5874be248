"""A context is drawn with the Gaussians of a fit, gets no gradient, and is not the fit's to mend."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from small_fit import SETTINGS

from splatseg.capture.capture import Capture
from splatseg.raster.interface import Growth, rasterize
from splatseg.render.rgb import render_rgb, view_colors
from splatseg.splats.initialise import splats_from_points
from splatseg.splats.splats import Splats
from splatseg.train.context import Context
from splatseg.train.density import Statistics
from splatseg.train.fit import one_step
from splatseg.train.state import begin


@pytest.fixture(scope="module")
def halves(capture: Capture) -> tuple[Splats, Splats, Splats]:
    """All Gaussians of the cloud, opaque, and its two halves, cut at right angles to the camera."""
    whole = splats_from_points(capture.points, capture.point_colors, 1)
    whole = whole.replace(opacity_logits=torch.full((len(whole),), 3.0))
    order = np.argsort(capture.points[:, 0])
    return whole.subset(order), whole.subset(order[:12]), whole.subset(order[12:])


def test_own_gaussians_and_context_are_one_picture(capture: Capture, halves) -> None:
    whole, own, around = halves
    camera = capture.views[0].camera
    context = Context(around, own)
    colors = view_colors(own.means, own.sh0, own.shN, camera, 0)
    raster = context.rasterize(own.geometry, colors, camera, None)
    assert torch.equal(raster.features, render_rgb(whole, camera))


def test_gradients_and_growth_are_those_of_the_whole_picture(capture: Capture, halves) -> None:
    whole, own, around = halves
    camera, count = capture.views[0].camera, len(own)
    found = []
    for context in (None, Context(around, own)):
        splats = whole if context is None else own
        geometry = [tensor.clone().requires_grad_() for tensor in splats.geometry]
        colors = view_colors(splats.means, splats.sh0, splats.shN, camera, 0).requires_grad_()
        growth = Growth(torch.zeros(len(splats)), torch.zeros(len(splats)))
        if context is None:
            raster = rasterize(*geometry, colors, camera, growth=growth)
        else:
            raster = context.rasterize(tuple(geometry), colors, camera, growth)
        raster.features.square().sum().backward()
        if context is not None:
            context.count(growth)
        found.append([tensor.grad[:count] for tensor in (*geometry, colors)])
        found[-1] += [growth.gradient_sum[:count], growth.views[:count]]
    assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))
    assert found[0][-1].sum() > 0


def test_the_target_is_the_photograph_as_far_as_the_context_gives_no_light(capture: Capture, halves) -> None:
    whole, own, around = halves
    camera = capture.views[0].camera
    photograph = torch.full((camera.height, camera.width, 3), 0.7)
    begun = render_rgb(whole, camera)
    target = Context(around, own).target(capture.views[0], camera, photograph, (0.0, 0.0, 0.0), None)
    theirs = rasterize(*whole.geometry, (torch.arange(len(whole)) >= len(own)).float()[:, None], camera).features
    assert float(theirs.max()) > 0.95 and float(theirs.min()) < 0.05
    assert torch.allclose(target, (1.0 - theirs) * photograph + theirs * begun, atol=1e-6)


def test_a_step_changes_the_fit_and_leaves_the_context(capture: Capture, halves) -> None:
    _, own, around = halves
    before = [tensor.clone() for tensor in (around.means, around.sh0, around.opacity_logits)]
    state = begin(own)
    context = Context(around, own)
    for _ in range(3):
        one_step(state, capture.views[0], torch.from_numpy(capture.views[0].image()), SETTINGS, 1.0, context=context)
    assert not torch.equal(state.parameters["means"].detach(), own.means)
    after = (around.means, around.sh0, around.opacity_logits)
    assert all(torch.equal(a, b) for a, b in zip(before, after, strict=True))
    assert isinstance(state.statistics, Statistics) and float(state.statistics.views.max()) == 3.0


def test_where_the_context_gives_all_light_nothing_is_learned(capture: Capture, halves) -> None:
    """A Gaussian before an opaque wall of another cell is not asked to paint the wall."""
    _, own, around = halves
    camera = capture.views[0].camera
    wall = around.subset(torch.zeros(1, dtype=torch.int64))
    wall = wall.replace(log_scales=torch.full((1, 3), 3.0), opacity_logits=torch.full((1,), 20.0))
    far = own.replace(means=own.means + torch.tensor([0.0, 0.0, 50.0]))
    context = Context(wall, far)
    photograph = torch.zeros(camera.height, camera.width, 3)
    target = context.target(capture.views[0], camera, photograph, (0.0, 0.0, 0.0), None)
    begun = render_rgb(wall, camera)
    assert torch.allclose(target, begun, atol=0.01)
