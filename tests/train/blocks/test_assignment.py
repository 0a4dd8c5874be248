"""Views go to the cells that they see, and contexts hold what these views see beside the cell."""

from __future__ import annotations

import numpy as np
import pytest
import scenes
import torch

from splatseg.capture.view import View
from splatseg.splats.splats import Splats
from splatseg.train.blocks.assignment import contexts, light_of_cells, views_of_cells


@pytest.fixture(scope="module")
def row_of_walls() -> tuple[Splats, tuple[View, ...], np.ndarray]:
    """Four walls side by side, a camera before each, and the wall of each Gaussian."""
    rng = np.random.default_rng(0)
    walls = np.repeat(np.arange(4), 60)
    means = np.stack([6.0 * walls + rng.uniform(-1, 1, 240), rng.uniform(-1, 1, 240), np.full(240, 4.0)], axis=1)
    count = len(means)
    splats = Splats(
        means=torch.tensor(means, dtype=torch.float32),
        quats=torch.tensor([[1.0, 0.0, 0.0, 0.0]]).repeat(count, 1),
        log_scales=torch.full((count, 3), float(np.log(0.15))),
        opacity_logits=torch.full((count,), 2.0),
        sh0=torch.zeros(count, 3),
        shN=torch.zeros(count, 0, 3),
    )
    views = []
    for wall in range(4):
        camera = scenes.ring(1, width=64, height=48, focal=60.0)[0]
        viewmat = np.eye(4)
        viewmat[0, 3] = -6.0 * wall
        views.append(View(f"{wall}.png", type(camera)(viewmat, camera.K, camera.width, camera.height)))
    return splats, tuple(views), walls


def test_a_view_gives_its_light_to_the_cell_before_it(row_of_walls) -> None:
    splats, views, walls = row_of_walls
    light = light_of_cells(splats, views, walls, 4)
    assert (light.argmax(axis=1) == np.arange(4)).all()
    assert (light[~np.eye(4, dtype=bool)] == 0).all()
    assert [list(found) for found in views_of_cells(light, 0.95, 0.25)] == [[0], [1], [2], [3]]


def test_views_of_a_cell_are_those_with_most_of_its_light_and_those_it_gives_much() -> None:
    light = np.array([[90.0, 10.0], [60.0, 40.0], [1.0, 2.0], [0.0, 50.0], [0.5, 900.0]])
    first, second = views_of_cells(light, 0.95, 0.25)
    assert list(first) == [0, 1, 2]  # by light two; the third is a third its own
    assert list(second) == [1, 2, 3, 4]
    assert [list(found) for found in views_of_cells(light, 1.0, 0.25)] == [[0, 1, 2, 4], [0, 1, 2, 3, 4]]


def test_no_view_is_assigned_that_sees_nothing_of_a_cell() -> None:
    light = np.array([[0.0, 1.0], [2.0, 0.0], [0.0, 0.0]])
    assert [list(found) for found in views_of_cells(light, 1.0, 0.0)] == [[1], [0]]


def test_a_context_is_what_the_views_of_a_cell_see_beside_it(row_of_walls) -> None:
    splats, views, walls = row_of_walls
    own = np.stack([walls == cell for cell in range(4)])
    assigned = [np.array([0, 1]), np.array([1]), np.array([2, 3]), np.array([3])]
    found = contexts(splats, views, assigned, own, 0.0)
    assert [set(walls[rows]) for rows in found] == [{1}, set(), {3}, set()]
    assert len(found[0]) > 30
    fewer = contexts(splats, views, assigned, own, 0.2)
    assert set(fewer[0]) < set(found[0])
