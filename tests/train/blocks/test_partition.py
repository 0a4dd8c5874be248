"""Cells cover all space, hold equal numbers, and every Gaussian has one owner."""

from __future__ import annotations

import numpy as np
import pytest

from splatseg.train.blocks.partition import Cells, cells_of


def town(count: int = 4_000, seed: int = 0) -> np.ndarray:
    """Points on wide, flat ground that is tilted, and some very far around it."""
    rng = np.random.default_rng(seed)
    ground = rng.normal(size=(count, 3)) * [8.0, 5.0, 0.3]
    far = rng.normal(size=(count // 10, 3))
    far *= 1_000.0 / np.linalg.norm(far, axis=1, keepdims=True)
    turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return (np.concatenate([ground, far]) @ turn + [3.0, -2.0, 7.0]).astype(np.float32)


@pytest.mark.parametrize("count", [1, 2, 3, 4, 7, 16])
def test_every_gaussian_has_one_owner_and_cells_hold_equal_numbers(count: int) -> None:
    points = town()
    cells = cells_of(points, count, 0.1)
    assert cells.count == count
    held = np.bincount(cells.owners(points), minlength=count)
    assert held.sum() == len(points)
    assert held.max() - held.min() <= count
    everywhere = np.random.default_rng(1).normal(scale=1e4, size=(1_000, 3))
    assert set(cells.owners(everywhere)) <= set(range(count))


@pytest.mark.parametrize("count", [2, 4, 7])
def test_a_cell_grown_by_its_margins_holds_its_own_and_some_beside_it(count: int) -> None:
    points = town()
    cells = cells_of(points, count, 0.1)
    owners = cells.owners(points)
    for cell in range(count):
        grown, own = cells.grown(cell, points), owners == cell
        assert grown[own].all()
        assert 1.02 * own.sum() < grown.sum() < 1.5 * own.sum()
    without_margins = cells_of(points, count, 0.0)
    assert all((without_margins.grown(cell, points) == (owners == cell)).all() for cell in range(count))


def test_cuts_stand_on_the_ground() -> None:
    points = town()
    flat = np.linalg.svd(points[:4_000] - points[:4_000].mean(axis=0), full_matrices=False)[2]
    assert np.abs(cells_of(points, 4, 0.1).frame @ flat[2]).max() < 0.05


def test_the_wider_side_is_cut_first() -> None:
    rng = np.random.default_rng(0)
    street = rng.uniform(size=(1_000, 3)) * [100.0, 10.0, 1.0]
    cells = cells_of(street, 4, 0.0)
    edges = np.sort([street[cells.owners(street) == cell, 0].min() for cell in range(4)])
    assert np.allclose(edges, [0, 25, 50, 75], atol=3.0)


@pytest.mark.parametrize("gone", range(5))
def test_a_cell_that_goes_leaves_all_to_a_neighbour(gone: int) -> None:
    points = town()
    before = cells_of(points, 5, 0.1)
    after = before.without(gone)
    assert after.count == 4
    old, new = before.owners(points), after.owners(points)
    for cell in set(range(5)) - {gone}:
        assert (new[old == cell] == cell - (cell > gone)).all()
    assert len(set(new[old == gone])) == 1
    while after.count > 1:
        after = after.without(0)
    assert (after.owners(points) == 0).all()
    assert all(after.grown(0, points))


def test_cells_of_few_points_are_fewer_or_empty_but_cover_all() -> None:
    cells = cells_of(np.zeros((3, 3)), 4, 0.1)
    assert set(cells.owners(town())) <= set(range(cells.count))


def test_a_partition_is_its_numbers() -> None:
    points = town()
    cells = cells_of(points, 6, 0.1)
    again = Cells(cells.frame.copy(), cells.nodes.copy())
    assert (again.owners(points) == cells.owners(points)).all()
