"""Far points: where images look past the capture's points, and nowhere else."""

from __future__ import annotations

import numpy as np
import scenes
import torch

from splatseg.raster.interface import rasterize
from splatseg.train.surroundings import SIZE, bound_sizes, far_points, fibonacci_sphere


def test_points_appear_only_where_the_image_has_none_of_the_captures():
    camera = scenes.camera(width=64, height=32, focal=30.0)
    ys, xs = np.mgrid[0:32:1, 0:32:1]
    left = np.stack([xs.ravel() + 0.5, ys.ravel() + 0.5], 1)
    points = camera.unproject(left, np.full(len(left), 2.0))
    photograph = np.zeros((32, 64, 3), np.uint8)
    photograph[:, 32:] = [10, 20, 200]
    far, colors = far_points([camera], [(photograph, None)], points, 100.0, 3000)
    pixels, depths = camera.project(far.astype(np.float64))
    assert len(far) > 50
    assert (depths > 0).all() and (pixels[:, 0] >= 32).all()
    assert (colors == [10, 20, 200]).all()
    np.testing.assert_allclose(np.linalg.norm(far, axis=1), 100.0, rtol=1e-5)


def test_where_points_cover_every_image_nothing_is_added():
    camera = scenes.camera(width=16, height=16)
    ys, xs = np.mgrid[0:16, 0:16]
    pixels = np.stack([xs.ravel() + 0.5, ys.ravel() + 0.5], 1)
    points = camera.unproject(pixels, np.full(256, 2.0))
    far, colors = far_points([camera], [(np.zeros((16, 16, 3), np.uint8), None)], points, 100.0, 2000)
    assert far.shape == (0, 3) and colors.shape == (0, 3)


def test_most_of_the_views_that_look_there_decide():
    camera = scenes.camera(width=16, height=16)
    ys, xs = np.mgrid[0:16, 0:16]
    covered = camera.unproject(np.stack([xs.ravel() + 0.5, ys.ravel() + 0.5], 1), np.full(256, 2.0))
    image = np.zeros((16, 16, 3), np.uint8)
    far, _ = far_points([camera] * 3, [(image, None)] * 3, covered, 100.0, 500)
    assert len(far) == 0
    far, _ = far_points([camera] * 3, [(image, None)] * 3, covered - np.array([0, 0, 50]), 100.0, 500)
    assert len(far) > 0


def test_the_lattice_is_even():
    sphere = fibonacci_sphere(1000)
    np.testing.assert_allclose(np.linalg.norm(sphere, axis=1), 1.0)
    np.testing.assert_allclose(sphere.mean(0), 0.0, atol=2e-3)
    cosine = sphere @ sphere.T - 2 * np.eye(1000)
    nearest = np.arccos(cosine.max(1))
    assert nearest.min() > 0.6 * nearest.max()


def _veil(log_scales: torch.Tensor, means: torch.Tensor) -> float:
    count = len(means)
    camera = scenes.camera(width=32, height=32, focal=32 / 2 / 0.8)  # 77 degrees
    turns, full = torch.tensor([[1.0, 0, 0, 0]]).expand(count, 4), torch.full((count,), 0.99)
    drawn = rasterize(means, turns.contiguous(), log_scales.exp(), full, torch.ones(count, 1), camera)
    return float(drawn.alphas.max())


def test_a_far_gaussian_beside_a_camera_is_not_drawn_before_it() -> None:
    camera = scenes.camera(width=32, height=32)
    axes = camera.viewmat[:3, :3]
    sideways = axes.T @ np.array([1.0, 0.0, 0.0])
    along = axes.T @ np.array([0.0, 0.0, 1.0])
    for depth in (0.3, 1.0, 5.0):
        means = torch.tensor(np.array([camera.position + 100.0 * sideways + depth * along]), dtype=torch.float32)
        log_scales = torch.full((1, 3), 90.0).log()
        assert _veil(log_scales, means) > 0.5
        bound_sizes(means, log_scales, camera.position, 1.0)
        assert _veil(log_scales, means) == 0.0
        torch.testing.assert_close(log_scales.exp(), torch.full((1, 3), SIZE * 99.0), rtol=2e-3, atol=0.0)


def test_near_gaussians_keep_their_sizes_and_far_ones_that_are_small_too() -> None:
    camera = scenes.camera(width=32, height=32)
    means = torch.tensor(camera.position + np.array([[1.5, 0, 0], [0, 50.0, 0]]), dtype=torch.float32)
    log_scales = torch.tensor([[3.0] * 3, [2.0, 1.0, -3.0]])
    before = log_scales.clone()
    bound_sizes(means, log_scales, camera.position, 1.0)
    assert torch.equal(log_scales, before)
