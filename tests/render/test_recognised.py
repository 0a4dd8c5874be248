"""A splat is recognised in the views of its own capture, and not in other coordinates."""

from __future__ import annotations

import torch

from splatseg.capture.capture import View, load_capture
from splatseg.demo.demo import demo_capture
from splatseg.render.recognised import recognised_views
from splatseg.splats.initialise import splats_from_points
from splatseg.splats.splats import Splats


def capture_and_points() -> tuple[tuple[View, ...], Splats]:
    capture = load_capture(demo_capture(), downscale=4, test_every=0)
    return capture.views, splats_from_points(*capture.require_points())


def test_even_a_splat_of_bare_points_is_recognised_in_its_own_capture() -> None:
    views, splats = capture_and_points()
    found, compared = recognised_views(splats, views)
    assert compared == 8 and found >= 7


def test_a_splat_in_other_coordinates_is_not() -> None:
    views, splats = capture_and_points()
    turned = splats.replace(means=splats.means[:, [1, 2, 0]] * 2 + torch.tensor([0.3, -0.2, 0.1]))
    found, compared = recognised_views(turned, views)
    assert found <= compared / 2


def test_two_views_decide_nothing() -> None:
    views, splats = capture_and_points()
    assert recognised_views(splats.replace(means=splats.means + 1e6), views[:2]) == (2, 2)
