"""A fit starts from every point, as large as its neighbours are far."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from splatseg.errors import CaptureError
from splatseg.splats.initialise import splats_from_points


def grid(count: int = 4, step: float = 0.5) -> np.ndarray:
    axis = np.arange(count) * step
    return np.stack(np.meshgrid(axis, axis, axis), -1).reshape(-1, 3).astype(np.float32)


def grey(points: np.ndarray) -> np.ndarray:
    return np.full(points.shape, 51, np.uint8)


def test_on_a_grid_every_gaussian_is_as_large_as_the_step() -> None:
    splats = splats_from_points(grid(), grey(grid()))
    torch.testing.assert_close(splats.scales, torch.full((64, 3), 0.5))


def test_the_scale_is_the_root_mean_square_of_three_neighbours_without_the_point_itself() -> None:
    points = np.random.default_rng(0).normal(size=(40, 3)).astype(np.float32)
    distances = np.sort(np.linalg.norm(points[:, None] - points[None], axis=2), axis=1)[:, 1:4]
    expected = np.sqrt((distances**2).mean(1))
    np.testing.assert_allclose(splats_from_points(points, grey(points)).scales[:, 0].numpy(), expected, rtol=1e-5)


def test_colour_opacity_and_degree_are_as_asked() -> None:
    splats = splats_from_points(grid(), grey(grid()), sh_degree=2)
    torch.testing.assert_close(0.5 + 0.28209479 * splats.sh0, torch.full((64, 3), 0.2))
    torch.testing.assert_close(splats.opacities, torch.full((64,), 0.1))
    assert splats.sh_degree == 2 and not splats.shN.any()


def test_identical_points_are_moved_apart_and_get_a_finite_size() -> None:
    points = np.concatenate([grid(), grid()[:9], grid()[:9]])
    splats = splats_from_points(points, grey(points))
    assert len(np.unique(splats.means.numpy(), axis=0)) == len(points)
    assert torch.isfinite(splats.log_scales).all()
    again = splats_from_points(points, grey(points))
    assert torch.equal(splats.means, again.means)


def test_points_all_in_one_place_still_start() -> None:
    points = np.zeros((10, 3), np.float32)
    assert torch.isfinite(splats_from_points(points, grey(points)).log_scales).all()


def test_points_that_are_not_finite_are_left_out() -> None:
    points = grid()
    points[3, 1] = np.nan
    assert len(splats_from_points(points, grey(points))) == 63


@pytest.mark.parametrize("count", [0, 3])
def test_too_few_points_say_what_to_give(count: int) -> None:
    points = grid()[:count]
    with pytest.raises(CaptureError, match=f"has {count} usable 3D points.*points3D.*--splats"):
        splats_from_points(points, grey(points))
