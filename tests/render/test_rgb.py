"""Pictures agree with what the splats are; the rasteriser's own laws are tested with it."""

from __future__ import annotations

import numpy as np
import torch
from scenes import camera, cloud

from splatseg.cameras.camera import Camera
from splatseg.render.rgb import render_channels, render_depth, render_rgb, view_colors
from splatseg.splats.activations import to_log_scales, to_opacity_logits
from splatseg.splats.splats import Splats


def cloud_splats(count: int = 30, dtype: torch.dtype = torch.float64) -> Splats:
    scene = cloud(count, dtype=dtype)
    shN = torch.tensor(np.random.default_rng(1).normal(0, 0.2, (count, 15, 3)), dtype=dtype)
    logits = to_opacity_logits(scene.opacities)
    return Splats(scene.means, scene.quats, to_log_scales(scene.scales), logits, scene.features, shN)


def wall(depth: float, rgb: float = 0.25) -> Splats:
    """One opaque Gaussian that fills the picture."""
    return Splats(
        torch.tensor([[0.0, 0.0, depth]]),
        torch.tensor([[1.0, 0, 0, 0]]),
        torch.full((1, 3), 3.0),
        torch.tensor([20.0]),
        torch.full((1, 3), (rgb - 0.5) / 0.28209479),
        torch.zeros(1, 0, 3),
    )


def test_a_wall_has_its_colour_and_its_depth() -> None:
    torch.testing.assert_close(render_rgb(wall(5.0), camera()), torch.full((16, 24, 3), 0.25), atol=5e-3, rtol=0)
    torch.testing.assert_close(render_depth(wall(5.0), camera()), torch.full((16, 24), 5.0))


def test_depth_is_along_the_optical_axis_of_a_turned_camera() -> None:
    viewmat = np.eye(4)
    viewmat[:3, :3] = [[0, 0, -1], [0, 1, 0], [1, 0, 0]]  # looks along world +x
    view = Camera(viewmat, camera().K, 24, 16)
    depth = render_depth(wall(0.0).replace(means=torch.tensor([[4.0, 0.0, 0.0]])), view)
    torch.testing.assert_close(depth, torch.full((16, 24), 4.0))


def test_nothing_seen_is_background_and_has_no_depth() -> None:
    behind = wall(-5.0)
    background = torch.tensor([0.1, 0.2, 0.3])
    torch.testing.assert_close(render_rgb(behind, camera(), background), background.expand(16, 24, 3))
    assert not render_depth(behind, camera()).any()


def test_the_background_shows_as_much_as_the_gaussians_let_through() -> None:
    splats, white = cloud_splats(), torch.ones(3, dtype=torch.float64)
    alphas = render_channels(splats, camera(), torch.ones(30, 1, dtype=torch.float64))
    on_white, on_black = render_rgb(splats, camera(), white), render_rgb(splats, camera())
    torch.testing.assert_close(on_white - on_black, (1 - alphas).expand_as(on_black))


def test_negative_light_is_clamped() -> None:
    assert not render_rgb(wall(5.0, rgb=-1.0), camera()).any()


def test_a_lower_degree_leaves_out_what_depends_on_the_direction() -> None:
    splats = cloud_splats()
    constant = splats.replace(shN=torch.zeros(30, 0, 3, dtype=torch.float64))
    torch.testing.assert_close(render_rgb(splats, camera(), sh_degree=0), render_rgb(constant, camera()))
    assert torch.equal(render_rgb(constant, camera(), sh_degree=3), render_rgb(constant, camera()))


def test_colour_depends_on_the_direction_from_the_camera_only() -> None:
    splats = cloud_splats()
    shift = np.array([1.0, -2.0, 0.5])
    moved = np.eye(4)
    moved[:3, 3] = -shift
    here = view_colors(splats.means, splats.sh0, splats.shN, camera(), 3)
    there = view_colors(
        splats.means + torch.tensor(shift), splats.sh0, splats.shN, Camera(moved, camera().K, 24, 16), 3
    )
    torch.testing.assert_close(here, there)


def test_gradients_of_colour_and_depth_are_finite() -> None:
    splats = cloud_splats()
    means = splats.means.clone().requires_grad_()
    moved = splats.replace(means=means)
    (render_rgb(moved, camera()).sum() + render_depth(moved, camera()).sum()).backward()
    assert means.grad is not None and torch.isfinite(means.grad).all() and means.grad.any()
