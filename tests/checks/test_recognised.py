"""A splat is recognised in the views of its own capture, and not in other coordinates."""

from __future__ import annotations

import torch

from splatseg.capture.capture import load_capture
from splatseg.capture.view import View
from splatseg.checks.recognised import Photographs
from splatseg.demo.demo import demo_capture
from splatseg.splats.initialise import splats_from_points
from splatseg.splats.splats import Splats


def capture_and_points() -> tuple[tuple[View, ...], Splats]:
    capture = load_capture(demo_capture(), downscale=4, test_every=0)
    return capture.views, splats_from_points(capture.points, capture.point_colors)


def test_even_a_splat_of_bare_points_is_recognised_in_its_own_capture() -> None:
    views, splats = capture_and_points()
    photographs = Photographs(views)
    assert len(photographs) == 8
    assert photographs.recognised(splats) >= 7


def test_a_splat_in_other_coordinates_is_not() -> None:
    views, splats = capture_and_points()
    turned = splats.replace(means=splats.means[:, [1, 2, 0]] * 2 + torch.tensor([0.3, -0.2, 0.1]))
    assert Photographs(views).recognised(turned) <= 4


def test_photographs_of_several_shapes_are_compared_too() -> None:
    views, splats = capture_and_points()
    # Every second view is cut to its middle; the right splat is the same.
    cut = [View(view.name, view.camera.scaled(0.5), view.image_path) if i % 2 else view for i, view in enumerate(views)]
    assert Photographs(cut).recognised(splats) >= 7


def test_two_views_decide_nothing() -> None:
    views, splats = capture_and_points()
    assert Photographs(views[:2]).recognised(splats.replace(means=splats.means + 1e6)) == 2
