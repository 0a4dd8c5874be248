"""Gaussians that are drawn are never among those that are said to be out of sight."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from random_scenes import random_camera, random_splats

from splatseg.cameras.camera import Camera
from splatseg.raster.interface import DEFAULT_SETTINGS, rasterize
from splatseg.raster.sight import out_of_sight
from splatseg.splats.splats import Splats


def boxes_of(splats: Splats, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Boxes (G,2,3) and reaches (G,) of every `size` Gaussians."""
    groups = len(splats) // size
    boxes, reaches = np.full((groups, 2, 3), np.inf), np.zeros(groups, np.float32)
    boxes[:, 1] = -np.inf
    for group in range(groups):
        rows = slice(group * size, (group + 1) * size)
        means, scales = splats.means[rows].numpy(), splats.scales[rows].numpy()
        means = means[np.isfinite(means).all(1)]
        if len(means):
            boxes[group] = means.min(0), means.max(0)
        reaches[group] = scales[np.isfinite(scales)].max(initial=0)
    return boxes, reaches


@pytest.mark.parametrize("seed", range(40))
def test_what_is_drawn_is_in_no_group_out_of_sight(seed: int) -> None:
    rng = np.random.default_rng(seed)
    splats, camera = random_splats(rng, 400), random_camera(rng)
    radii = rasterize(*splats.geometry, torch.zeros(400, 1), camera).radii.numpy()
    for size in (1, 10):
        hidden = out_of_sight(*boxes_of(splats, size), camera)
        assert not (radii[hidden.repeat(size)] > 0).any()


@pytest.mark.parametrize("seed", range(20))
def test_the_bound_is_not_much_wider_than_what_is_drawn(seed: int) -> None:
    """A small Gaussian just beside each side of the picture is out of sight, one just inside is drawn."""
    camera = random_camera(np.random.default_rng(seed))
    inverse = np.linalg.inv(camera.viewmat)
    width, height = camera.width, camera.height
    for (x, y), inside in [
        *(((-9.0, height / 2), False), ((width + 9.0, height / 2), False)),
        *(((width / 2, -9.0), False), ((width / 2, height + 9.0), False), ((width / 2, height / 2), True)),
    ]:
        ray = np.linalg.inv(camera.K) @ [x, y, 1.0] * 2.0
        mean = (inverse @ [*ray, 1.0])[:3]
        scale = 0.5 * 2.0 / camera.K[0, 0] * 0.3
        hidden = out_of_sight(mean[None, None].repeat(2, 1), np.array([scale], np.float32), camera)[0]
        assert hidden != inside


def test_behind_the_near_plane_and_without_finite_means_nothing_is_drawn() -> None:
    camera = Camera(np.eye(4), np.array([[50.0, 0, 20], [0, 50.0, 10], [0, 0, 1]]), 40, 20)
    boxes = np.array([[[-1, -1, -2.0], [1, 1, 0.0099]], [[-1, -1, -2.0], [1, 1, 0.011]], [[np.inf] * 3, [-np.inf] * 3]])
    assert out_of_sight(boxes, np.full(3, 9.0, np.float32), camera).tolist() == [True, False, True]
    near = dataclasses.replace(DEFAULT_SETTINGS, near=0.5)
    assert out_of_sight(boxes, np.full(3, 9.0, np.float32), camera, near).tolist() == [True, True, True]


def test_a_gaussian_of_unknown_extent_is_never_out_of_sight_in_front_of_the_camera() -> None:
    camera = Camera(np.eye(4), np.array([[50.0, 0, 20], [0, 50.0, 10], [0, 0, 1]]), 40, 20)
    boxes = np.array([[[1e6, 1e6, 1.0], [1e6, 1e6, 1.0]]])
    assert not out_of_sight(boxes, np.array([np.inf], np.float32), camera)[0]
